"""The pretend X, spoken to by tweepy; its refusals; and its answers against the published contract."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import tweepy  # type: ignore[import-untyped]
from requests_oauthlib import OAuth1  # type: ignore[import-untyped]

from crisis.simulator.accounts import XAccount
from crisis.simulator.server import Simulator
from crisis.simulator.x.request import KNOWN

DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


def _signed(account: XAccount) -> OAuth1:
    return OAuth1(account.consumer_key, account.consumer_secret, account.access_token, account.access_token_secret)


def test_posts_threads_and_deletes(x: tweepy.Client, simulator: Simulator) -> None:
    first = x.create_tweet(text="Emergency room is open. https://example.org/incident/1").data
    second = x.create_tweet(text="More soon.", in_reply_to_tweet_id=first["id"]).data
    assert int(second["id"]) > int(first["id"]) > 10**18
    assert "https://t.co/" in first["text"]
    assert x.delete_tweet(second["id"]).data == {"deleted": True}
    with pytest.raises(tweepy.NotFound):
        x.delete_tweet(second["id"])
    posts = simulator.state("posts")["posts"]
    assert [post["deleted"] for post in posts] == [False, True]
    assert posts[1]["reply_to"] == posts[0]["id"]
    assert posts[1]["conversation_id"] == posts[0]["id"]


def test_a_timeline_leads_back_to_the_text_that_was_sent(x: tweepy.Client, x_account: XAccount) -> None:
    sent = "Beds & blood: see https://example.org/a?b=1&c=2 and example.com/x <now>"
    x.create_tweet(text=sent)
    found = x.get_users_tweets(x_account.user_id, user_auth=True, tweet_fields=["created_at", "entities"]).data
    text = found[0].text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    for link in found[0].entities["urls"]:
        text = text.replace(link["url"], link["expanded_url"])
    assert text == sent.replace("example.com", "http://example.com")
    assert found[0].created_at is not None


def test_timeline_pages_and_since(x: tweepy.Client, x_account: XAccount) -> None:
    ids = [x.create_tweet(text=f"Number {number}").data["id"] for number in range(12)]
    page = x.get_users_tweets(x_account.user_id, user_auth=True, max_results=5)
    assert [str(post.id) for post in page.data] == ids[:-6:-1]
    assert page.meta["newest_id"] == ids[-1]
    older = x.get_users_tweets(
        x_account.user_id, user_auth=True, max_results=5, pagination_token=page.meta["next_token"]
    )
    assert [str(post.id) for post in older.data] == ids[-6:-11:-1]
    since = x.get_users_tweets(x_account.user_id, user_auth=True, max_results=5, since_id=ids[-3])
    assert [str(post.id) for post in since.data] == [ids[-1], ids[-2]]
    assert x.get_users_tweets(x_account.user_id, user_auth=True, since_id=ids[-1]).meta == {"result_count": 0}


def test_me_and_lookup(x: tweepy.Client, x_account: XAccount) -> None:
    assert x.get_me().data.username == x_account.handle
    number = x.create_tweet(text="Here").data["id"]
    assert x.get_tweet(number, user_auth=True).data.text == "Here"
    missing = x.get_tweet("99", user_auth=True)
    assert missing.data is None
    assert missing.errors[0]["type"].endswith("resource-not-found")


def test_mentions_and_a_summoned_reply(x: tweepy.Client, x_account: XAccount, simulator: Simulator) -> None:
    asked = requests.post(
        f"{simulator.url}/control/posts", json={"handle": "kari", "text": f"@{x_account.handle} is it open?"}, timeout=5
    ).json()
    stranger = requests.post(
        f"{simulator.url}/control/posts", json={"handle": "ola", "text": "Nice weather"}, timeout=5
    ).json()
    mentions = x.get_users_mentions(x_account.user_id, user_auth=True, expansions=["author_id"]).data
    assert [str(post.id) for post in mentions] == [asked["id"]]
    x.create_tweet(text="Yes, it is.", in_reply_to_tweet_id=asked["id"])
    with pytest.raises(tweepy.Forbidden, match="not mentioned"):
        x.create_tweet(text="Indeed.", in_reply_to_tweet_id=stranger["id"])


def test_the_duplicate_refusal_as_tweepy_shows_it(x: tweepy.Client) -> None:
    first = x.create_tweet(text="Same words").data["id"]
    with pytest.raises(tweepy.Forbidden) as caught:
        x.create_tweet(text="  Same words ")
    assert caught.value.api_messages == [DUPLICATE]
    assert caught.value.api_codes == []
    x.delete_tweet(first)
    x.create_tweet(text="Same words")


def test_another_accounts_post_cannot_be_deleted(
    x: tweepy.Client, tweeting: Callable[..., tweepy.Client], simulator: Simulator
) -> None:
    number = x.create_tweet(text="Mine").data["id"]
    with pytest.raises(tweepy.Forbidden):
        tweeting(simulator.internet.accounts.x[1]).delete_tweet(number)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"text": ""}, 400, "empty"),
        ({}, 400, "empty"),
        ({"text": "x" * 281}, 400, "too long: 281"),
        ({"text": "字" * 141}, 400, "too long: 282"),
        ({"text": "a\ufeffb"}, 400, "not allowed"),
        ({"text": "a", "colour": "red"}, 400, "colour is not a known field"),
        ({"text": 7}, 400, "text is not a string"),
        ({"text": "a", "made_with_ai": "yes"}, 400, "made_with_ai"),
        ({"text": "a", "reply": {"in_reply_to_tweet_id": 12}}, 400, "in_reply_to_tweet_id"),
        ({"text": "a", "reply": {"in_reply_to_tweet_id": "12", "loud": True}}, 400, "reply.loud"),
        ({"text": "a", "reply": "12"}, 400, "reply is not an object"),
        ({"text": "a", "reply": {"in_reply_to_tweet_id": "12"}}, 403, "deleted or not visible"),
        ({"text": "a", "quote_tweet_id": "12"}, 403, "deleted or not visible"),
        ({"text": "a", "reply_settings": "nobody"}, 400, "reply_settings"),
        ({"text": "a", "media": {"media_ids": ["1"]}}, 400, "media ids are invalid"),
        (["text"], 400, "not a JSON object"),
    ],
)
def test_refusals(simulator: Simulator, x_account: XAccount, body: Any, status: int, says: str) -> None:
    answer = requests.post(f"{simulator.url}/x/2/tweets", json=body, auth=_signed(x_account), timeout=5)
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"} <= set(answer.headers)
    assert says in simulator.state("refused")["refused"][0]["reason"]


@pytest.mark.parametrize("key", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
def test_each_wrong_key_is_found_out(
    simulator: Simulator, tweeting: Callable[..., tweepy.Client], x_account: XAccount, key: str
) -> None:
    with pytest.raises(tweepy.Unauthorized):
        tweeting(x_account, **{key: "wrong"}).create_tweet(text="Hello")
    assert not simulator.state("posts")["posts"]


def test_signatures_bind_the_query_and_are_good_once(simulator: Simulator, x_account: XAccount) -> None:
    url = f"{simulator.url}/x/2/users/{x_account.user_id}/tweets?max_results=5"
    asked = requests.Request("GET", url, auth=_signed(x_account)).prepare()
    with requests.Session() as session:
        assert session.send(asked, timeout=5).status_code == 200
        assert session.send(asked, timeout=5).status_code == 401, "the same nonce again"
        asked = requests.Request("GET", url, auth=_signed(x_account)).prepare()
        assert asked.url
        asked.url = asked.url.replace("=5", "=6")
        assert session.send(asked, timeout=5).status_code == 401, "the query was changed after signing"
    assert requests.get(url, timeout=5).status_code == 401
    assert [one["code"] for one in simulator.state("refused")["refused"]] == [401, 401, 401]


def test_without_the_prefix_too(simulator: Simulator, x_account: XAccount) -> None:
    assert requests.get(f"{simulator.url}/2/users/me", auth=_signed(x_account), timeout=5).status_code == 200


def test_the_window_of_a_hundred_posts(simulator: Simulator, x_account: XAccount) -> None:
    with requests.Session() as session:
        for number in range(101):
            answer = session.post(
                f"{simulator.url}/x/2/tweets", json={"text": f"{number}"}, auth=_signed(x_account), timeout=5
            )
    assert answer.status_code == 429
    assert answer.json()["title"] == "Too Many Requests"
    assert answer.headers["x-rate-limit-remaining"] == "0"
    assert len(simulator.state("posts")["posts"]) == 100


def _schema(whole: dict[str, Any], name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}


def test_answers_keep_to_the_contract(x: tweepy.Client, x_account: XAccount, simulator: Simulator, specs: Path) -> None:
    whole = json.loads((specs / "x" / "openapi.json").read_text("utf-8"))
    base, auth = f"{simulator.url}/x/2", _signed(x_account)
    made = requests.post(f"{base}/tweets", json={"text": "Hei https://example.no #oslo"}, auth=auth, timeout=5)
    number = made.json()["data"]["id"]
    fields = "?tweet.fields=created_at,entities,author_id,conversation_id"
    checked = [
        ("CreatePostsResponse", made, 201),
        ("GetPostsByIdResponse", requests.get(f"{base}/tweets/{number}{fields}", auth=auth, timeout=5), 200),
        ("GetPostsByIdResponse", requests.get(f"{base}/tweets/1", auth=auth, timeout=5), 200),
        ("GetUsersPostsResponse", requests.get(f"{base}/users/1001/tweets{fields}", auth=auth, timeout=5), 200),
        ("GetUsersMentionsResponse", requests.get(f"{base}/users/1001/mentions", auth=auth, timeout=5), 200),
        ("GetUsersMeResponse", requests.get(f"{base}/users/me", auth=auth, timeout=5), 200),
        ("ResourceNotFoundProblem", requests.delete(f"{base}/tweets/1", auth=auth, timeout=5), 404),
        ("InvalidRequestProblem", requests.post(f"{base}/tweets", json={"no": 1}, auth=auth, timeout=5), 400),
        ("DeletePostsResponse", requests.delete(f"{base}/tweets/{number}", auth=auth, timeout=5), 200),
    ]
    for name, answer, status in checked:
        assert answer.status_code == status, name
        jsonschema.validate(answer.json(), _schema(whole, name))
    known = whole["components"]["schemas"]["CreatePostsRequest"]["properties"]
    assert set(KNOWN) == set(known)
