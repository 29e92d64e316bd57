// Starts the small modules. Every page works without them; they only save a reload, a miscount or a slip of the thumb.
import { watchFragments } from "./refresh.js";
import { askFirst } from "./confirm.js";
import { countCharacters } from "./count.js";
import { menus } from "./menus.js";

watchFragments(document);
askFirst(document);
countCharacters(document);
menus(document);
