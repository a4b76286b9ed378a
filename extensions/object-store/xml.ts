import { SaxesParser } from "saxes";
import { ShardmillError } from "../../shared/core/errors.ts";
import { utf8Stream } from "../../shared/core/utf8.ts";
import type { BodyReader } from "../../shared/http/messages.ts";

/**
 * Called with the names of the elements around a text, outermost first. The text and the innermost element's
 * attributes follow.
 */
type OnText = (path: readonly string[], text: string, attributes: Readonly<Record<string, string>>) => void;

/** Called when an element ends. */
type OnEnd = (path: readonly string[]) => void;

/** Streaming reader of XML without namespaces. Its errors are faults of the document. */
export class XmlReader {
  readonly #parser = new SaxesParser();
  readonly #decoder = utf8Stream();
  readonly #path: string[] = [];
  #text = "";
  #attributes: Readonly<Record<string, string>> = {};

  constructor(onText: OnText, onEnd: OnEnd = () => {}) {
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

/** Returns a reader that parses an XML body. `broken` returns the error for an invalid one. */
export function xmlBody<T>(
  reader: XmlReader,
  result: () => T,
  broken: (error: unknown) => Error,
): BodyReader<T> {
  let bytes = 0;
  const attempt = <V>(act: () => V): V => {
    try {
      return act();
    } catch (error) {
      throw error instanceof ShardmillError ? error : broken(error);
    }
  };
  return {
    take(chunk) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw broken(null);
      attempt(() => reader.take(chunk));
      return "more";
    },
    end: () =>
      attempt(() => {
        reader.end();
        return result();
      }),
  };
}

export function xmlText(text: string): string {
  return text.replace(/[&<>\r]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
