"""What the domain writes into deliveries, accounts and other rows, in the words of the domain; a test compares the two.

A place holds anything. `WORDS` are facts inside sentences.
"""

from __future__ import annotations

from crisis.sentence import N_

SENTENCES: tuple[str, ...] = (
    # broadcasts
    N_("a test to oneself"),
    N_("the system's own words"),
    N_("stopped by an officer"),
    N_("cancelled in the countdown"),
    N_("followed by: correction"),
    N_("followed by: all_clear"),
    N_("planned for calm times"),
    # planned posts
    N_("a live incident was opened"),
    N_("its time passed before it could leave"),
    N_("the text is not what was approved"),
    # news feeds
    N_("this is no news feed, or it is broken"),
    N_("the feed declares entities of its own, which no news feed needs"),
    N_("the feed takes too long to read"),
    N_("the feed is larger than %(kb)d kB"),
    N_("the site answered HTTP %(status)d"),
    N_("the site redirects in circles"),
    N_("the site redirects to %(where)s, which is not among the feed's hosts"),
    N_("the site sends the feed packed, although it was asked not to"),
    N_("%(host)s leads into a private network"),
    # what people say
    N_("an answer to a call-out or an alert"),
    # deliveries and their attempts
    N_("found at the provider"),
    N_("safe to repeat"),
    N_("not found at the provider yet"),
    N_("looked, and it is not there"),
    N_("it cannot be looked up; a person must decide"),
    N_("it cannot be looked up; it is repeated after %(minutes)d minutes"),
    N_("repeated: missing it is worse than getting it twice"),
    N_("a person saw it there"),
    N_("a person saw that it is not there"),
    N_("the sender went away during the call"),
    N_("too old when its turn came"),
    N_("not repeated, because the broadcast was stopped; it may have left"),
    N_("not repeated any more, and it may have left"),
    N_("not sent again, because %(why)s"),
    N_("what follows it has left"),
    N_("the broadcast was stopped"),
    N_("the receiver has said stop"),
    N_("its words could not be stored"),
    N_("a picture or film in it was withdrawn"),
    N_("the file of a picture or film is not on this machine"),
    N_("the call was cut off before an answer came"),
    N_("the look failed: %(kind)s"),
    N_("defect in the %(channel)s adapter: %(kind)s"),
    # inbound
    N_("closed together"),
    N_("nothing to do"),
    N_("known already"),
    N_("settled elsewhere"),
    N_("spam or abuse"),
    N_("the word was obeyed"),
    N_("answered in public"),
    N_("taken back before it left"),
    N_("ready answer"),
    N_("written by hand"),
    N_("written by hand, by somebody with the right"),
    N_("taken away before it was read"),
    # posts taken down
    N_("the network takes down only so many in a while; the rest follows"),
    N_("it never left"),
    N_("left standing, because the words that were to replace it were not sent"),
    N_("this channel cannot take anything down"),
    N_("replaced by: %(phase)s"),
    # on call
    N_("somebody has taken the alert"),
    N_("the alert is closed"),
    N_("the person has said no"),
    N_("no phone or mailbox that we can reach"),
    # call-outs
    N_("absent"),
    N_("in their quiet hours"),
    N_("no phone or mailbox we can use"),
    N_("shares a phone or mailbox with somebody who is asked"),
    N_("the account could not send"),
    N_("not known whether it got there"),
    N_("another way is tried"),
    N_("the person has answered"),
    N_("enough have come"),
    N_("everybody was asked as often as allowed"),
    N_("the words are too old to be sent"),
    N_("thrown away before anybody was asked"),
    N_("done"),
    # accounts
    N_("stopped by itself: %(why)s"),
    N_("it has not got through for %(minutes)d minutes"),
    N_("the fallback has stopped"),
    N_("it can send again"),
    N_("the settings name another fallback"),
)

WORDS: tuple[str, ...] = (
    # units of size
    N_("characters"),
    N_("weighted characters"),
    N_("parts"),
    # what an account's budget counts
    N_("reads today"),
    # roles
    N_("viewer"),
    N_("triager"),
    N_("officer"),
    N_("approver"),
    N_("administrator"),
    # states of broadcasts and deliveries
    N_("draft"),
    N_("submitted"),
    N_("approved"),
    N_("rejected"),
    N_("planned"),
    N_("paused"),
    N_("released"),
    N_("stopped"),
    N_("closed"),
    N_("queued"),
    N_("sending"),
    N_("accepted"),
    N_("delivered"),
    N_("failed"),
    N_("uncertain"),
    N_("suppressed"),
    N_("cancelled"),
    N_("expired"),
    # states of inbound
    N_("waiting"),
    N_("claimed"),
    N_("snoozed"),
    N_("answered"),
    N_("handed_over"),
    N_("correction"),
    N_("update"),
    N_("deleting"),
    N_("gone"),
    # how an attempt ended
    N_("busy"),
    N_("unreachable"),
    N_("misconfigured"),
    N_("given_back"),
    N_("lost"),
    # what a look at an account found
    N_("balance"),
    N_("number"),
    N_("rights"),
    N_("moderates"),
    N_("pictures"),
    # the rest
    N_("live"),
    N_("drill"),
    N_("single"),
    N_("dual"),
)
