import { type Alias, type Document, type Node, type ParsedNode, visit } from "yaml";

interface Anchored {
  readonly offset: number;
  readonly node: Node;
}

/**
 * What aliases stand for. The library's own `alias.resolve` walks the whole document for each alias: a file
 * of a megabyte of them would take hours.
 */
export class YamlAnchors {
  /** Of each name, in the order of the file. */
  readonly #byName = new Map<string, Anchored[]>();

  constructor(document: Document.Parsed<ParsedNode>) {
    visit(document, {
      Value: (_key, node) => {
        const { anchor, range } = node as Node & { anchor?: string };
        if (anchor === undefined || range === null || range === undefined) return;
        const known = this.#byName.get(anchor);
        if (known === undefined) this.#byName.set(anchor, [{ offset: range[0], node }]);
        else known.push({ offset: range[0], node });
      },
    });
  }

  /** The last node of that name that begins before the alias. */
  resolve(alias: Alias): Node | undefined {
    const anchored = this.#byName.get(alias.source) ?? [];
    const before = alias.range?.[0] ?? 0;
    let [low, high] = [0, anchored.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((anchored[middle]?.offset ?? 0) < before) low = middle + 1;
      else high = middle;
    }
    return anchored[low - 1]?.node;
  }
}
