"""The pretend networks there are, one line each, besides X, SMS and e-mail, which have folders and accounts of their own."""

from crisis.simulator.bluesky import Bluesky
from crisis.simulator.facebook import Facebook
from crisis.simulator.flickr.network import FlickrNetwork
from crisis.simulator.instagram import Instagram
from crisis.simulator.linkedin.network import LinkedInNetwork
from crisis.simulator.mastodon import Mastodon
from crisis.simulator.network import Network
from crisis.simulator.push.network import Push
from crisis.simulator.threads import Threads
from crisis.simulator.wordpress import WordPress
from crisis.simulator.youtube.network import YouTubeNetwork

NETWORKS: dict[str, type[Network]] = {
    "flickr": FlickrNetwork,
    "youtube": YouTubeNetwork,
    "linkedin": LinkedInNetwork,
    "mastodon": Mastodon,
    "bluesky": Bluesky,
    "wordpress": WordPress,
    "facebook": Facebook,
    "instagram": Instagram,
    "threads": Threads,
    "apprise": Push,
}
