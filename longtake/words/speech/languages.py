"""The names of languages in files: ISO 639 codes of two and three letters, and which to prefer."""

import re

_PAIRS = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel
bg:bul bi:bis bm:bam bn:ben bo:bod:tib br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces:cze
cu:chu cv:chv cy:cym:wel da:dan de:deu:ger dv:div dz:dzo ee:ewe el:ell:gre en:eng eo:epo es:spa
et:est eu:eus:baq fa:fas:per ff:ful fi:fin fj:fij fo:fao fr:fra:fre fy:fry ga:gle gd:gla gl:glg
gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye:arm hz:her ia:ina
id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido is:isl:ice it:ita iu:iku ja:jpn jv:jav ka:kat:geo kg:kon
ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat
lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri:mao mk:mkd:mac ml:mal
mn:mon mr:mar ms:msa:may mt:mlt my:mya:bur na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld:dut nn:nno
no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por
qu:que rm:roh rn:run ro:ron:rum ru:rus rw:kin sa:san sc:srd sd:snd se:sme sg:sag si:sin sk:slk:slo
sl:slv sm:smo sn:sna so:som sq:sqi:alb sr:srp ss:ssw st:sot su:sun sv:swe sw:swa ta:tam te:tel
tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr
ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha zh:zho:chi:cmn zu:zul
ceb fil haw yue
"""
"""ISO 639-1, each with its codes in 639-2; then some that have no code of two letters."""

_CODES = {
    code: codes[0] for codes in (line.split(":") for line in _PAIRS.split()) for code in codes
}


def read_language(tag: str) -> str:
    """`en` of `eng`, `pt-BR` of `pt_br`; empty where the tag is no language, or `und`."""
    base, *more = re.split(r"[-_]", tag.strip())
    code = _CODES.get(base.lower(), "")
    parts = [_format_subtag(part) for part in more]
    return "-".join([code, *filter(None, parts)]) if code else ""


def _format_subtag(part: str) -> str:
    """A script as `Hans`, a region as `BR` or `419`; what is neither is left out."""
    if re.fullmatch(r"[A-Za-z]{4}", part):
        return part.title() if part.lower() != "orig" else ""
    return part.upper() if re.fullmatch(r"[A-Za-z]{2}|[0-9]{3}", part) else ""


def rank_language(language: str, wanted: str) -> int:
    """How welcome it is, 0 the most: the wanted one, its kin, English, one not said, the rest."""
    if wanted and language == wanted:
        return 0
    base = language.partition("-")[0]
    if wanted and base == wanted.partition("-")[0]:
        return 1
    return {"en": 2, "": 3}.get(base, 4)
