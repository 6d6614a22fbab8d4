"""The files that browsers are served, and the page in one file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.page.download import make_single_page
from cloudnode.page.files import SINGLE_PAGE, load_files, read_sources
from cloudnode.page.policy import PAGE_POLICY


class Tags(HTMLParser):
    """All tags of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, dict[str, str], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", {}))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.texts.append((*self.tags[-1], data))


def find(tags: Tags, tag: str) -> list[dict[str, str]]:
    return [attributes for name, attributes in tags.tags if name == tag]


class FilesTests(SynchronousTestCase):
    """What is served."""

    def test_served(self) -> None:
        """Each file has its type, an ETag of its bytes, and a packed form that unpacks to them."""
        files = load_files()
        self.assertIn("/", files)
        self.assertIn(f"/{SINGLE_PAGE}", files)
        for path, file in files.items():
            self.assertTrue(file.media_type, path)
            self.assertEqual(file.etag, b'"%s"' % hashlib.sha256(file.body).hexdigest()[:32].encode())
            self.assertNotEqual(file.etag, file.packed_etag)
            if file.packed:
                self.assertEqual(gzip.decompress(file.packed), file.body)
                self.assertLess(len(file.packed), len(file.body))

    def test_no_inline(self) -> None:
        """The page has no inline script, style or handler, and fetches nothing from elsewhere."""
        page = Tags(read_sources()["index.html"].decode())
        self.assertEqual([text for *_, text in page.texts if text.strip()], [])
        for tag, attributes in page.tags:
            self.assertNotIn("style", attributes, tag)
            self.assertEqual([name for name in attributes if name.startswith("on")], [], tag)
            for name in ("src", "href"):
                self.assertNotRegex(attributes.get(name, ""), r"^(//|[a-z]+:)", tag)

    def test_links_lead_to_files(self) -> None:
        """Whatever the page loads is there; all modules that it begins with are announced at once."""
        sources = read_sources()
        page = Tags(sources["index.html"].decode())
        loaded = [each["href"] for each in find(page, "link")] + [each["src"] for each in find(page, "script")]
        self.assertEqual([path for path in loaded if path not in sources], [])
        announced = {each["href"] for each in find(page, "link") if each["rel"] == "modulepreload"}
        begun = {each["src"] for each in find(page, "script")}
        self.assertEqual(announced | begun, {name for name in sources if name.endswith(".js")})

    def test_policy(self) -> None:
        """The policy allows nothing that it does not name, no inline script, no eval, and no framing."""
        directives = dict(each.split(" ", 1) for each in PAGE_POLICY.split("; "))
        self.assertEqual(directives["default-src"], "'none'")
        self.assertEqual(directives["script-src"], "'self'")
        self.assertEqual(directives["style-src"], "'self'")
        self.assertEqual(directives["frame-ancestors"], "'none'")
        self.assertEqual(directives["require-trusted-types-for"], "'script'")
        self.assertNotIn("unsafe", PAGE_POLICY)

    def test_no_markup_from_strings(self) -> None:
        """No module of the page has a way to make markup, code or styles of strings."""
        forbidden = re.compile(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
            r"|setAttribute\(\s*[\"'](style|on)"
        )
        for name, body in read_sources().items():
            if name.startswith("page/") and name.endswith(".js"):
                self.assertEqual(forbidden.findall(body.decode()), [], name)


class SinglePageTests(SynchronousTestCase):
    """The page in one file."""

    def test_whole(self) -> None:
        """It loads nothing, and the hashes in its policy are those of its scripts and styles."""
        text = load_files()[f"/{SINGLE_PAGE}"].body.decode()
        page = Tags(text)
        self.assertEqual([each for each in find(page, "link") if not each["href"].startswith("data:")], [])
        self.assertEqual([each for each in find(page, "script") if "src" in each], [])
        [policy] = [each["content"] for each in find(page, "meta") if each.get("http-equiv")]
        for tag, _, inline in page.texts:
            if inline.strip():
                digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
                self.assertIn(f"'sha256-{digest}'", policy, tag)
        self.assertEqual(policy.count("sha256-"), sum(bool(inline.strip()) for *_, inline in page.texts))

    def test_modules(self) -> None:
        """Its import map has every module, and no module imports a relative path any more."""
        page = Tags(load_files()[f"/{SINGLE_PAGE}"].body.decode())
        [text] = [inline for _, attributes, inline in page.texts if attributes.get("type") == "importmap"]
        imports = json.loads(text)["imports"]
        self.assertEqual(set(imports), {name for name in read_sources() if name.endswith(".js")})
        for name, url in imports.items():
            body = base64.b64decode(url.removeprefix("data:text/javascript;base64,")).decode()
            code = "\n".join(line for line in body.splitlines() if not line.lstrip().startswith(("*", "/")))
            self.assertIsNone(re.search(r"""\b(from|import)\s*\(?["']\.""", code), name)

    def test_imports_are_spelled(self) -> None:
        """Imports over one line and several, of all and of nothing, lead to the same files as before."""
        page = (
            b'<!-- policy --><link rel="modulepreload" href="a.js">'
            b'<link rel="stylesheet" href="s.css"><script type="module" src="d/a.js"></script>'
        )
        module = (
            b"import {\n  one,\n  two,\n} from './b.js';\nimport * as c from \"../c.js\";\n"
            b"import '../c.js';\nexport * from './b.js'\n"
        )
        whole = make_single_page(
            {"index.html": page, "s.css": b"a{}", "d/a.js": module, "d/b.js": b"//", "c.js": b"const a = './b.js';\n"}
        )
        [imports] = re.findall(rb'"imports":(\{.*?\})', whole)
        urls = {name: base64.b64decode(url.partition(",")[2]) for name, url in json.loads(imports).items()}
        self.assertEqual(
            urls["d/a.js"],
            b"import {\n  one,\n  two,\n} from 'd/b.js';\nimport * as c from \"c.js\";\n"
            b"import 'c.js';\nexport * from 'd/b.js'\n",
        )
        self.assertEqual(urls["c.js"], b"const a = './b.js';\n")

    def test_missing(self) -> None:
        """A module that imports what is not there is named."""
        with self.assertRaisesRegex(KeyError, r"a\.js imports \./b\.js"):
            make_single_page({"index.html": b"", "a.js": b"import './b.js';\n"})
