import fc from "fast-check";
import { expect, test } from "vitest";
import { readPlainXml, type XmlEvents } from "../../../extensions/object-store/plain-xml.ts";
import { XmlReader } from "../../../extensions/object-store/xml.ts";

type Event = readonly [kind: "text" | "end", path: string, text?: string, attributes?: string];

/** Returns a receiver that collects the events. */
function collecting(): { readonly events: Event[] } & Required<XmlEvents> {
  const events: Event[] = [];
  return {
    events,
    onText: (path, text, attributes) =>
      void events.push(["text", path.join("/"), text, JSON.stringify(attributes)]),
    onEnd: (path) => void events.push(["end", path.join("/")]),
  };
}

/** Returns the events of the general parser. Null: it refuses the document. */
function general(text: string): readonly Event[] | null {
  const { events, onText, onEnd } = collecting();
  try {
    const reader = new XmlReader(onText, onEnd);
    reader.take(Buffer.from(text, "utf8"));
    reader.end();
    return events;
  } catch {
    return null;
  }
}

/** Returns the events of the reader of plain documents. Null: the document is not plain. */
function plain(text: string): readonly Event[] | null {
  const { events, ...receiver } = collecting();
  // A cut through a pair of surrogates is no UTF-8.
  return readPlainXml(Buffer.from(text, "utf8").toString("utf8"), receiver) ? events : null;
}

const name = fc.constantFrom("Contents", "Key", "ETag", "a", "_b-1.c");
const piece = fc.oneof(
  fc.constantFrom("&quot;", "&amp;", "&lt;", "&gt;", "&apos;", "&#13;", "&#x1F600;", " ", "\n", "\t", ">"),
  fc
    .string({ unit: "grapheme", maxLength: 4 })
    .map((text) => text.replace(/[<&\]\p{Cc}\ufffe\uffff]/gu, "x")),
);
const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(""));
const attributes = fc.constantFrom("", ' Encoded="true"', ' xmlns="http://a/b" xmlns:c="d"', " ");
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  content: fc.oneof(
    { depthSize: "small" },
    text,
    fc.array(fc.oneof(text, tie("element")), { maxLength: 4 }).map((parts) => parts.join("")),
  ),
  element: fc
    .tuple(name, attributes, tie("content"), fc.boolean())
    .map(([tag, more, inside, isEmpty]) =>
      isEmpty ? `<${tag}${more}/>` : `<${tag}${more}>${inside}</${tag}>`,
    ),
}));
const declaration = fc.constantFrom(
  "",
  '<?xml version="1.0" encoding="UTF-8"?>\n',
  '<?xml version="1.0" encoding="utf-8" standalone="yes" ?>',
);
const document = fc.tuple(declaration, element).map((parts) => parts.join(""));

test("a plain document has the events that a general parser finds in it", () => {
  fc.assert(
    fc.property(document, (source) => {
      const found = plain(source);
      expect(found).not.toBeNull();
      expect(found).toEqual(general(source));
    }),
    { numRuns: 500 },
  );
});

const odd = fc.constantFrom(
  ...[
    "<",
    ">",
    "&",
    "&nbsp;",
    "&#0;",
    "&#xD800;",
    "]]>",
    "<!-- -->",
    "<![CDATA[<]]>",
    "<!DOCTYPE a>",
    "\r\n",
  ],
  ...[
    "<?pi?>",
    "<x:a/>",
    "<a b='c'/>",
    '<a b="1" b="2"/>',
    "</a>",
    "</a >",
    "<a",
    "\0",
    "\ufeff",
    "\u00a0",
    "/",
  ],
);

test("a document with anything else is refused, or has the events of a general parser", () => {
  let refused = 0;
  fc.assert(
    fc.property(document, odd, fc.nat(), fc.nat({ max: 3 }), (source, inserted, position, removed) => {
      const at = position % (source.length + 1);
      const changed = `${source.slice(0, at)}${inserted}${source.slice(at + removed)}`;
      const found = plain(changed);
      if (found === null) refused += 1;
      else expect(found).toEqual(general(changed));
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(500);
});

test.each(["", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>b", '<?xml version="1.1"?><a/>', "<a></a"])(
  "%j is no plain document",
  (source) => {
    expect(plain(source)).toBeNull();
  },
);
