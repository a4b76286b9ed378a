import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from "yaml";

/** Merge key whose value cannot be merged. */
interface MergeFault {
  readonly key: unknown;
  readonly what: string;
}

/** Limit of merged pairs. Groups that merge each other can yield more pairs than a file has characters. */
const MAX_PAIRS = 50_000;

/**
 * Pairs of groups, with the pairs of their merge keys: `<<: *base`, or `<<: [*one, *two]`. A group's own key
 * overrides a merged one, and an earlier group a later one. Merged pairs take the position of the merge key.
 */
export class YamlMerge {
  readonly faults: MergeFault[] = [];
  readonly #resolve: (alias: Alias) => Node | undefined;
  readonly #known = new Map<YAMLMap, readonly Pair[]>();
  readonly #open = new Set<YAMLMap>();
  #pairs = 0;

  constructor(resolve: (alias: Alias) => Node | undefined) {
    this.#resolve = resolve;
  }

  pairsOf(map: YAMLMap): readonly Pair[] {
    if (!map.items.some(isMerge)) return map.items;
    const known = this.#known.get(map);
    if (known !== undefined) return known;
    this.#open.add(map);
    const taken = new Set(map.items.filter((pair) => !isMerge(pair)).map((pair) => keyText(pair.key)));
    const pairs: Pair[] = [];
    for (const pair of map.items) {
      if (!isMerge(pair)) pairs.push(pair);
      else {
        for (const merged of this.#mergedBy(pair)) {
          const key = keyText(merged.key);
          if (!taken.has(key)) pairs.push(merged);
          taken.add(key);
        }
      }
    }
    this.#open.delete(map);
    this.#known.set(map, pairs);
    return pairs;
  }

  *#mergedBy({ key, value }: Pair): Generator<Pair> {
    for (const source of isSeq(value) ? value.items : [value]) {
      const group = isAlias(source) ? this.#resolve(source) : source;
      if (!isMap(group)) {
        const found =
          isAlias(source) && group === undefined ? `\`*${source.source}\` is not defined before` : null;
        this.faults.push({ key, what: found ?? "a merge key takes a group of keys, or a list of groups" });
      } else if (this.#open.has(group)) {
        this.faults.push({ key, what: "a group of keys cannot be merged into itself" });
      } else {
        for (const pair of this.pairsOf(group)) {
          this.#pairs += 1;
          if (this.#pairs > MAX_PAIRS) {
            if (this.#pairs === MAX_PAIRS + 1)
              this.faults.push({ key, what: "merge keys add too many values" });
            return;
          }
          yield pair;
        }
      }
    }
  }
}

/** Returns the key of a pair as text. Null: the key is not a scalar. */
export function keyText(key: unknown): string | null {
  return isScalar(key) ? String(key.source ?? key.value ?? "") : null;
}

/** Checks for a merge key. A quoted `<<` is a plain name. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.type === "PLAIN" && keyText(key) === "<<";
}
