"""The page in one file, which works from a disk.

Browsers load no module from ``file://``, so all modules are put inside: each becomes a ``data:`` URL, named by its path
in an import map, and relative imports are spelled as these names. Style sheets become ``<style>``, the icon a ``data:``
URL. The file is the same, byte for byte, from every node of one version, and ``python -m cloudnode.page`` writes it
from a checkout: so its SHA-256 can be compared with one that was got elsewhere.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Mapping

from cloudnode.page.policy import make_single_page_policy

INDEX = "index.html"

_IMPORT = re.compile(r'^(\s*(?:import|export)\b[^;"\']*?["\'])(\.{1,2}/[^"\']+)(["\'];?\s*)$', re.MULTILINE)
"""An import or re-export of a relative path, which may go over several lines and ends its line."""

_STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r'<script type="module" src="([^"]+)"></script>')
_ICON = re.compile(r'(<link rel="icon" type="image/svg\+xml" href=")([^"]+)(">)')
_PRELOAD = re.compile(r'\s*<link rel="modulepreload" href="[^"]+">')
_POLICY_PLACE = "<!-- policy -->"


def make_single_page(sources: Mapping[str, bytes]) -> bytes:
    """Put all files into the page.

    :param sources: The bytes of the files, by their path below ``files/``.
    :raises KeyError: The page or a module names a file that is not there.
    """
    page = _PRELOAD.sub("", sources[INDEX].decode())
    styles: list[str] = []

    def inline_style(match: re.Match[str]) -> str:
        styles.append(sources[match[1]].decode())
        return f"<style>{styles[-1]}</style>"

    page = _STYLE.sub(inline_style, page)
    page = _ICON.sub(lambda match: match[1] + _data_url("image/svg+xml", sources[match[2]]) + match[3], page)

    modules = {
        name: _name_imports(name, body.decode(), sources) for name, body in sources.items() if name.endswith(".js")
    }
    imports = {name: _data_url("text/javascript", text.encode()) for name, text in sorted(modules.items())}
    import_map = json.dumps({"imports": imports}, separators=(",", ":"))
    scripts = [import_map]

    def inline_script(match: re.Match[str]) -> str:
        if match[1] not in modules:
            raise KeyError(match[1])
        scripts.append(f'import "{match[1]}";')
        return f'<script type="importmap">{import_map}</script>\n<script type="module">{scripts[-1]}</script>'

    page = _SCRIPT.sub(inline_script, page)
    policy = make_single_page_policy(scripts, styles)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return page.replace(_POLICY_PLACE, meta).encode()


def _name_imports(name: str, text: str, sources: Mapping[str, bytes]) -> str:
    """A module's text with each relative import spelled as the path below ``files/`` that it leads to."""

    def spell(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        if path not in sources:
            raise KeyError(f"{name} imports {match[2]}, which is not there")
        return f"{match[1]}{path}{match[3]}"

    return _IMPORT.sub(spell, text)


def _data_url(media_type: str, body: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(body).decode()}"
