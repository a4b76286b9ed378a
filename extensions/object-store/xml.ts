import { isUtf8 } from "node:buffer";
import { SaxesParser } from "saxes";
import { ShardmillError } from "../../shared/core/errors.ts";
import { utf8Stream } from "../../shared/core/utf8.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import { readPlainXml, type XmlEvents } from "./plain-xml.ts";

/** Streaming reader of XML without namespaces. Its errors are faults of the document. */
export class XmlReader {
  readonly #parser = new SaxesParser();
  readonly #decoder = utf8Stream();
  readonly #path: string[] = [];
  #text = "";
  #attributes: Readonly<Record<string, string>> = {};

  constructor(onText: XmlEvents["onText"], onEnd: XmlEvents["onEnd"] = () => {}) {
    this.#parser.on("error", (error) => {
      throw error;
    });
    this.#parser.on("opentag", ({ name, attributes }) => {
      this.#path.push(name.slice(name.indexOf(":") + 1));
      this.#text = "";
      this.#attributes = attributes;
    });
    this.#parser.on("text", (text) => {
      this.#text += text;
    });
    this.#parser.on("cdata", (text) => {
      this.#text += text;
    });
    this.#parser.on("closetag", () => {
      if (this.#text !== "") onText(this.#path, this.#text, this.#attributes);
      this.#text = "";
      onEnd(this.#path);
      this.#path.pop();
    });
  }

  take(chunk: Uint8Array): void {
    this.#parser.write(this.#decoder.decode(chunk, { stream: true }));
  }

  end(): void {
    this.#parser.write(this.#decoder.decode());
    this.#parser.close();
  }
}

/** Limit of a body. A page of a thousand names of a kilobyte, all encoded, is a tenth of it. */
const MOST_BYTES = 32 << 20;

/** Content of a document: the events, and what they add up to. */
export interface XmlContent<T> extends XmlEvents {
  result(): T;
}

/**
 * Returns a reader that parses an XML body when it is complete. The general parser reads only documents that
 * are not plain. It takes five to ten times as long.
 *
 * @param content makes an empty content, for each parser that reads the document
 * @param broken returns the error for an invalid document
 */
export function xmlBody<T>(content: () => XmlContent<T>, broken: (error: unknown) => Error): BodyReader<T> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw broken(null);
      chunks.push(new Uint8Array(chunk));
      return "more";
    },
    end() {
      try {
        return parsed(Buffer.concat(chunks), content);
      } catch (error) {
        throw error instanceof ShardmillError ? error : broken(error);
      }
    },
  };
}

function parsed<T>(body: Buffer, content: () => XmlContent<T>): T {
  const plain = content();
  if (isUtf8(body) && readPlainXml(body.toString("utf8"), plain)) return plain.result();
  const general = content();
  const reader = new XmlReader(general.onText, general.onEnd);
  reader.take(body);
  reader.end();
  return general.result();
}

export function xmlText(text: string): string {
  return text.replace(/[&<>\r]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
