"""What the pretend Flickr keeps: accounts with their keys, pictures with their tags, comments."""

import itertools
import time
from dataclasses import dataclass, field

METHODS: dict[str, tuple[set[str], set[str]]] = {
    "flickr.auth.oauth.checkToken": (set(), set()),
    "flickr.people.getPhotos": (
        {"user_id"},
        {"safe_search", "min_upload_date", "max_upload_date", "min_taken_date", "max_taken_date", "content_type",
         "privacy_filter", "extras", "per_page", "page"},
    ),
    "flickr.photos.recentlyUpdated": ({"min_date"}, {"extras", "per_page", "page"}),
    "flickr.photos.setMeta": ({"photo_id"}, {"title", "description"}),
    "flickr.photos.delete": ({"photo_id"}, set()),
    "flickr.photos.comments.getList": ({"photo_id"}, {"min_comment_date", "max_comment_date"}),
    "flickr.photos.comments.addComment": ({"photo_id", "comment_text"}, set()),
    "flickr.photos.comments.editComment": ({"comment_id", "comment_text"}, set()),
    "flickr.photos.comments.deleteComment": ({"comment_id"}, set()),
}  # fmt: skip
"""Method to the arguments it needs and those it takes besides (flickr.reflection.getMethodInfo)."""


@dataclass(frozen=True, slots=True)
class StreamAccount:
    """One demo account. The keys are made up, public and worthless."""

    name: str
    nsid: str
    title: str

    @property
    def consumer_key(self) -> str:
        return f"{self.name}-flickr-consumer-key"

    @property
    def consumer_secret(self) -> str:
        return f"{self.name}-flickr-consumer-secret"

    @property
    def access_token(self) -> str:
        return f"{self.name}-flickr-access-token"

    @property
    def access_token_secret(self) -> str:
        return f"{self.name}-flickr-access-token-secret"

    @property
    def keys(self) -> dict[str, str]:
        """What the demo signs in with, by the names of the settings."""
        names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
        return {name: getattr(self, name) for name in names}


DEMO = (
    StreamAccount("ous", "70001@N01", "Oslo University Hospital (demo)"),
    StreamAccount("ous-drill", "80001@N01", "Oslo University Hospital (drill stream)"),
)


@dataclass(slots=True)
class Photo:
    """One picture."""

    id: str
    owner: StreamAccount
    title: str
    description: str
    tags: list[str]
    public: bool
    data: bytes
    kind: str
    at: float
    changed: float
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Remark:
    """One comment."""

    id: str
    photo: Photo
    author: str
    name: str
    text: str
    at: float
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Stream:
    """Everything Flickr remembers."""

    photos: dict[str, Photo] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(53_000_000_001))

    def clear(self) -> None:
        """Forget what happened."""
        self.photos.clear()
        self.remarks.clear()

    def add(self, owner: StreamAccount, about: dict[str, str], tags: list[str], data: bytes, kind: str) -> Photo:
        """A picture goes up."""
        number, at = str(next(self.numbers)), time.time()
        public = about.get("is_public", "1") == "1"
        photo = Photo(
            number, owner, about.get("title", ""), about.get("description", ""), tags, public, data, kind, at, at
        )
        self.photos[number] = photo
        return photo

    def remark(self, photo: Photo, author: str, name: str, text: str) -> Remark:
        """Somebody comments."""
        number = f"{author.partition('@')[0]}-{photo.id}-{next(self.numbers)}"
        photo.changed = time.time()
        self.remarks[number] = Remark(number, photo, author, name, text, time.time())
        return self.remarks[number]
