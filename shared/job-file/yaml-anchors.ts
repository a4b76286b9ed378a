import { type Alias, type Document, type Node, type ParsedNode, visit } from "yaml";

interface Anchored {
  readonly offset: number;
  readonly node: Node;
}

/**
 * Anchors of a document. The library's `alias.resolve` scans the whole document for each alias, which takes
 * hours for a megabyte of aliases.
 */
export class YamlAnchors {
  /** Nodes by name, in the order of the file. */
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

  /** Returns the last node with the alias's name that begins before the alias. */
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
