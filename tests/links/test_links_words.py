import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import BAD_LINKS, LinkError
from longtake.links.addresses import check_link, is_link, is_private, tells_private
from longtake.links.choose_formats import choose_captions, choose_formats
from longtake.links.failures import KINDS, classify, make_error

# --- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "ftp://example.com/v.mp4",
        "rtmp://example.com/v",
        "ytsearch://cats",
        "http://",
        "http:///v.mp4",
        "http://user@example.com/",
        "http://user:secret@example.com/v.mp4",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://example.com/a b",
        "http://example.com/a\nb",
        "http://example.com/\x00",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\u2028--exec",
        "http://example.com/" + "a" * 5000,
    ],
)
def test_a_link_that_may_not_be_loaded_says_why_and_shows_little(link: str) -> None:
    assert is_link(link)
    with pytest.raises(LinkError) as raised:
        check_link(link)
    assert raised.value.kind == "not_allowed" and raised.value.hint
    assert len(raised.value.message) < 300 and raised.value.message.isprintable()


@pytest.mark.parametrize(
    ("link", "taken"),
    [
        ("  https://example.com/watch?v=a&b=c#t=10 \n", "https://example.com/watch?v=a&b=c"),
        ("HTTP://Example.com:8080/v.MP4", "http://Example.com:8080/v.MP4"),
        ("https://example.com/ä/猫.mp4", "https://example.com/ä/猫.mp4"),
        ("http://[2606:4700::1111]/v", "http://[2606:4700::1111]/v"),
    ],
)
def test_a_good_link_is_taken_without_what_stands_around_it(link: str, taken: str) -> None:
    assert is_link(link) and check_link(link) == taken == check_link(taken)


@pytest.mark.parametrize("name", ["v.mp4", "./a:b.mp4", "C:\\v.mp4", "a//b.mp4", "-o", "", "://x"])
def test_a_file_s_name_is_no_link(name: str) -> None:
    assert not is_link(name)


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(text: str) -> None:
    try:
        taken = check_link(f"http://{text}")
    except LinkError:
        return
    assert taken.startswith("http://") and not set(taken) & set(" #@\\\n\t\r")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "0", "10.1.2.3"),
        *("::1", "fe80::1", "::ffff:10.0.0.1", "169.254.169.254"),
        *("localhost", "LOCALHOST.", "a.localhost"),
    ],
)
def test_a_private_address_is_known_by_its_spelling_alone(host: str) -> None:
    assert tells_private(host)


@pytest.mark.parametrize(
    "host", ["93.184.216.34", "2606:4700::1111", "example.com", "localhost.example", "10.example"]
)
def test_what_may_be_public_is_left_to_the_look_up(host: str) -> None:
    assert not tells_private(host)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_private_in_ipv6_as_in_ipv4(address: ipaddress.IPv4Address) -> None:
    private = is_private(str(address))
    number = int(address)
    inside = [f"::ffff:{address}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"]
    assert all(is_private(spelling) == private for spelling in inside)
    if private:
        assert is_private(str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)))  # 6to4
    else:
        assert address.is_global and not address.is_multicast


@pytest.mark.parametrize(
    "network",
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16"
    " 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4 ::1/128 ::/128 fc00::/7 fe80::/10 ff00::/8"
    " ::ffff:127.0.0.0/104 64:ff9b::a00:0/104 2002:7f00::/24 2001:db8::/32".split(),
)
def test_private_networks_are_private_from_end_to_end(network: str) -> None:
    found = ipaddress.ip_network(network)
    ends = [found[0], found[-1], found[found.num_addresses // 2]]
    assert all(is_private(str(address)) for address in ends)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "", "localhost", "1.2.3", "127.1"])
def test_what_is_no_public_address_is_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111"])
def test_public_addresses_are_not_private(address: str) -> None:
    assert not is_private(address)


# --- failures ----------------------------------------------------------------------------------

SAID = """
private: Private video. Sign in if you've been granted access to this video
private: This video is private
private: This video is protected by a password, use the --video-password option
private: You are not authorized to view this protected tweet
private: This is a private playlist. You need to login as its owner
members_only: Join this channel to get access to members-only content like this video
members_only: This video is available to this channel's members on level: Fan. Join this channel
members_only: This video requires payment to watch.
members_only: This livestream is for subscribers only
members_only: This video is only available to premium users
members_only: This is a supporter-only video: sign up
members_only: This video is only available for subscribers. Use --cookies-from-browser or --cookies
age_restricted: Sign in to confirm your age. This video may be inappropriate for some users.
age_restricted: This video is only available for age verified users or after 22:00
sign_in: Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies
sign_in: This video is only available for registered users. Use --cookies-from-browser
sign_in: Unable to access this video. Use --cookies, --cookies-from-browser, --username
sign_in: You need to log in to access this content
removed: Video unavailable. This video has been removed by the uploader
removed: Video unavailable. The YouTube account associated with it has been terminated.
removed: Broadcast no longer exists
removed: This video isn't available anymore
removed: Video 123 does not exist
region: The uploader has not made this video available in your country
region: Video unavailable. This video contains content from X, who has blocked it in your country
region: This video is not available from your location due to geo restriction
upcoming: This live event will begin in 3 days.
upcoming: Premieres in 2 hours
upcoming: Premiere will begin shortly
upcoming: The channel is not currently live
upcoming: Streamer is not live
live: This live stream has not ended
drm: This video is DRM protected
busy: This content isn't available, try again later. Your account has been rate-limited by YouTube
busy: You have exceeded the rate limit. Try again later
busy: Service temporarily unavailable
refused: All player responses are invalid. Your IP is likely being blocked by Youtube
refused: Your IP address is blocked from accessing this post
not_a_video: Post does not contain a video or audio track
not_a_video: No video formats found!
not_a_video: No connection adapters were found for 'file:///etc/passwd'
not_a_video: Unsupported URL: https://example.com/
no_javascript: No supported JavaScript runtime could be found. Only deno is enabled by default
outdated: Unable to extract initial state
outdated: Failed to extract any player response
outdated: Requested format is not available. Use --list-formats for a list of available formats
no_room: unable to write data: [Errno 28] No space left on device
timed_out: Unable to download webpage: The read operation timed out
broke_off: Got error: 410 bytes read, 350184 more expected. Giving up after 5 retries
not_found: Got error: HTTP Error 404: Not Found. Giving up after 5 retries
site_broken: Got error: HTTP Error 503: Service Unavailable. Giving up after 5 retries
unsupported: m3u8 download detected but ffmpeg could not be found. Please install
unknown: Something that nobody has ever said
"""
SENTENCES = [line.split(": ", 1) for line in SAID.strip().splitlines()]

OTHERS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "private_address": ({}, ["intranet"], []),
    "name_not_found": ({}, [], ["name x.example: [Errno -2] Name or service not known"]),
    "no_network": ({}, [], ["name x.example: [Errno -3] Temporary failure in name resolution"]),
    "unreachable": ({}, [], ["x.example: [Errno 111] Connection refused"]),
    "timed_out": ({}, [], ["x.example: timed out"]),
    "unsafe": ({"kinds": ["SSLError", "TransportError"]}, [], []),
    "region": ({"kinds": ["GeoRestrictedError", "ExtractorError"]}, [], []),
    "sign_in": ({"status": 401}, [], []),
    "refused": ({"status": 403}, [], []),
    "not_found": ({"status": 404}, [], []),
    "removed": ({"status": 410}, [], []),
    "busy": ({"status": 429}, [], []),
    "site_broken": ({"status": 502}, [], []),
}


def as_failure(said: str, **more: Any) -> dict[str, Any]:
    """As the loader tells of what an extractor raised."""
    report = "; please report this issue on https://example.com , filling out the template."
    report += " Confirm you are on the latest version using yt-dlp -U"
    wrapped = {"kinds": ["DownloadError"], "said": f"ERROR: [site] a1: {said}{report}"}
    return {"chain": [wrapped, {"kinds": ["ExtractorError"], "said": said, **more}], "talk": []}


@pytest.mark.parametrize(("kind", "said"), SENTENCES)
def test_what_sites_and_yt_dlp_say_is_told_apart(kind: str, said: str) -> None:
    error = classify(as_failure(said))
    assert error.kind == kind, error.message
    assert error.hint and "latest version" not in error.message and "Use --" not in error.message


@pytest.mark.parametrize("kind", OTHERS)
def test_classes_statuses_and_what_the_guard_saw_are_told_apart(kind: str) -> None:
    more, refused, failed = OTHERS[kind]
    error = classify(as_failure("502 Refused by Longtake", **more), refused, failed)
    assert error.kind == kind and error.hint


def test_every_kind_of_failure_can_come_about() -> None:
    by_its_pace = {"too_slow", "too_much"}  # see download/test_slow.py
    assert {kind for kind, _ in SENTENCES} | set(OTHERS) | by_its_pace >= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_says_what_happened_and_what_to_do(kind: str) -> None:
    error = make_error(kind, "x")
    assert error.kind == kind and error.message and error.hint.rstrip().endswith((".", "ejs", "no"))
    assert error.exit_status == (2 if kind in BAD_LINKS else 4)


def test_a_site_s_own_words_are_shown_as_one_line_of_text() -> None:
    error = classify(as_failure("a\x1b[31m\r\n# b " + "c" * 900))
    assert error.message.isprintable() and len(error.message) < 400


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["kinds", "said", "status", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_no_report_of_the_loader_breaks_the_table(entry: Any) -> None:
    assert classify({"chain": [{"said": entry, "kinds": ["x"]}], "talk": [entry]}).hint


# --- choosing ----------------------------------------------------------------------------------


def form(name: str, side: int, tbr: float, v: str = "none", a: str = "none", **more: Any) -> Any:
    return {
        "format_id": name,
        "url": f"https://example.com/{name}",
        "protocol": "https",
        "vcodec": v,
        "acodec": a,
        "width": side or None,
        "height": side * 9 // 16 or None,
        "tbr": tbr,
        **more,
    }


H, V, A = "avc1.4d401e", "vp9", "mp4a.40.2"
SITE = [
    form("sb0", 160, 0, protocol="mhtml"),
    form("139", 0, 33, a=A, abr=33),
    form("140", 0, 129, a=A, abr=129),
    form("251", 0, 110, a="opus", abr=110),
    form("251-de", 0, 50, a="opus", abr=50, language_preference=-1),
    form("160", 256, 60, v=H),
    form("134", 640, 300, v=H),
    form("243", 640, 200, v=V),
    form("136", 1280, 900, v=H),
    form("313", 3840, 9000, v=V),
    form("18", 640, 500, v=H, a=A),
    form("hls", 640, 10, v=H, a=A, protocol="m3u8", has_drm=True),
    form("bad", 640, 10, v=H, a=A, protocol="rtmp"),
]


def choose(forms: list[Any], side: int, sound: bool = True, seconds: Any = 100) -> list[str]:
    found = choose_formats({"formats": forms, "duration": seconds}, side, sound=sound)
    return [part["format_id"] for part in found.formats] if found else []


@pytest.mark.parametrize(
    ("side", "sound", "ids"),
    [
        (200, True, ["160", "251"]),
        (512, True, ["243", "251"]),
        (512, False, ["243"]),
        (700, False, ["136"]),
        (9999, False, ["313"]),
    ],
)
def test_the_smallest_that_serves_is_chosen(side: int, sound: bool, ids: list[str]) -> None:
    assert choose(SITE, side, sound) == ids


def test_nothing_that_is_protected_or_needs_another_program_is_chosen() -> None:
    assert choose([SITE[0], *SITE[-2:]], 640) == []


def test_one_file_with_sound_is_chosen_before_two_that_are_larger() -> None:
    assert choose([form("18", 640, 250, v=H, a=A), *SITE[1:9]], 600) == ["18"]


def test_a_video_without_sound_is_better_than_none() -> None:
    assert choose([form("134", 640, 300, v=H)], 600) == ["134"]


def test_sound_alone_is_no_video() -> None:
    assert choose(SITE[1:5], 600) == []


def test_what_says_nothing_of_itself_is_taken_as_it_is() -> None:
    assert choose([{"format_id": "0", "url": "http://x/v.mp4", "protocol": "http"}], 600) == ["0"]


def test_a_known_size_is_told_and_an_unknown_one_is_not_guessed() -> None:
    known = choose_formats({"formats": [form("a", 64, 0, v=H, filesize=7)]}, 64, sound=False)
    assert known and known.bytes == 7
    rated = choose_formats({"formats": [form("a", 64, 80, v=H)], "duration": 10}, 64, sound=False)
    assert rated and rated.bytes == 100_000
    unknown = choose_formats({"formats": [form("a", 64, 80, v=H)]}, 64, sound=False)
    assert unknown and unknown.bytes is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "url ext protocol vcodec acodec width height tbr filesize language".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(JSON, JSON, st.integers(0, 4000), st.booleans())
def test_no_answer_of_a_site_breaks_the_choice(one: Any, two: Any, side: int, sound: bool) -> None:
    good = {"url": "https://x", "protocol": "https"}
    forms = [f | good for f in (one, two) if isinstance(f, dict)]
    info = {"formats": forms, "duration": one, "subtitles": two, "language": one}
    found = choose_formats(info, side, sound=sound)
    assert found is None or found.formats
    choose_captions({**info, "automatic_captions": {"en": forms, "a": two}})


def cc(*names: str, ext: str = "vtt") -> dict[str, Any]:
    return {name: [{"ext": ext, "url": f"https://x/{name}"}] for name in names}


@pytest.mark.parametrize(
    ("human", "automatic", "language", "source"),
    [
        (cc("de", "en"), cc("en-orig"), "de", "captions published with the video (de)"),
        (cc("fr", "en"), {}, "", "captions published with the video (en)"),
        (cc("fr", "it"), {}, "de", "captions published with the video (fr)"),
        ({}, cc("de", "en", "en-orig", "fr"), "", "automatic captions of the site (en)"),
        ({}, cc("de", "en", "fr"), "fr", "automatic captions of the site (fr)"),
        ({}, cc("de", "en", "fr"), "", ""),
        ({}, cc("de"), "", "automatic captions of the site (de)"),
        (cc("live_chat", ext="json"), {}, "en", ""),
        (cc("en", ext="json3"), {}, "en", ""),
        ({"en": [{"ext": "vtt", "url": "file:///etc/passwd"}]}, {}, "en", ""),
        ({"<b>\n": [{"ext": "vtt", "url": "https://x"}]}, {}, "", None),
    ],
)
def test_captions_of_people_come_first_and_translations_never(
    human: Any, automatic: Any, language: str, source: str | None
) -> None:
    info = {"subtitles": human, "automatic_captions": automatic, "language": language}
    found = choose_captions(info)
    if source is None:
        assert found and found.source.isprintable()
    else:
        assert (found.source if found else "") == source
