import { aliasOf, fromClause, isNode, nodesIn, type TreeNode, textsIn, walk } from "./select-tree.ts";

/** Use of the columns of `rows` by a SELECT. */
export interface ColumnUse {
  /** Columns that pass unchanged, by their names in the result. */
  readonly passed: ReadonlyMap<string, string>;
  /** Columns that the SELECT computes with, in the order of the input. */
  readonly reads: readonly string[];
  /** Columns that the SELECT only names, or excludes by name. They must exist. */
  readonly named: readonly string[];
}

/**
 * Returns how a row-wise SELECT uses the columns `names`. A column that is selected by its name alone, or by
 * `*`, passes. Other columns of the result are computed. Expressions with unknown columns (`COLUMNS(...)`,
 * `rows` itself) count as computing with all of them.
 */
export function columnUse(node: TreeNode, names: readonly string[]): ColumnUse {
  const { first, joins } = fromClause(node);
  const use = new UseFinder(names, aliasesOf([first]), aliasesOf(joins.map(({ right }) => right)));
  for (const { condition, using_columns } of joins) {
    use.addExpressions(condition);
    for (const name of textsIn(using_columns)) use.addReference([name]);
  }
  for (const item of nodesIn(node.select_list)) use.addSelected(item);
  use.addExpressions(node.where_clause);
  return use.found();
}

function aliasesOf(tables: readonly unknown[]): ReadonlySet<string> {
  return new Set(tables.map((table) => aliasOf(table).toLowerCase()));
}

class UseFinder {
  readonly #names: readonly string[];
  readonly #byLower: ReadonlyMap<string, string>;
  readonly #tables: ReadonlySet<string>;
  readonly #joined: ReadonlySet<string>;
  readonly #passed = new Map<string, string>();
  readonly #reads = new Set<string>();
  readonly #named = new Set<string>();

  /**
   * @param tables name of `rows` in the SELECT, in lower case
   * @param joined names of the tables that it is joined with
   */
  constructor(names: readonly string[], tables: ReadonlySet<string>, joined: ReadonlySet<string>) {
    this.#names = names;
    this.#byLower = new Map(names.map((name) => [name.toLowerCase(), name]));
    this.#tables = tables;
    this.#joined = joined;
  }

  addSelected(item: TreeNode): void {
    const column = item.class === "COLUMN_REF" ? this.#columnOf(textsIn(item.column_names)) : undefined;
    if (item.class === "STAR" && this.#isPlainStar(item)) this.#addStar(item);
    else if (column === undefined) this.addExpressions(item);
    else {
      const alias = typeof item.alias === "string" && item.alias !== "" ? item.alias : column;
      this.#named.add(column);
      this.#passed.set(alias, column);
    }
  }

  addExpressions(value: unknown): void {
    walk(value, (node) => {
      if (node.class === "COLUMN_REF") this.addReference(textsIn(node.column_names));
      if (node.class === "STAR" && !this.#isOfJoined(node.relation_name)) this.#addAll();
    });
  }

  found(): ColumnUse {
    const inOrder = (set: ReadonlySet<string>) => this.#names.filter((name) => set.has(name));
    const named = inOrder(this.#named).filter((name) => !this.#reads.has(name));
    return { passed: this.#passed, reads: inOrder(this.#reads), named };
  }

  /** Checks for `*` or `rows.*`, which may exclude, replace or rename columns. */
  #isPlainStar({ columns, expr, relation_name: relation = "" }: TreeNode): boolean {
    const isOfRows = relation === "" || this.#tables.has(String(relation).toLowerCase());
    return columns === undefined && expr === undefined && isOfRows;
  }

  #addStar(star: TreeNode): void {
    const removed = new Set<string>();
    const leaveOut = (name: unknown, isRead: boolean) => {
      const column = this.#byLower.get(String(name).toLowerCase());
      if (column === undefined) return;
      removed.add(column);
      (isRead ? this.#reads : this.#named).add(column);
    };
    for (const name of textsIn(star.exclude_list)) leaveOut(name, false);
    for (const { table, column } of nodesIn(star.qualified_exclude_list))
      if (!this.#isOfJoined(table)) leaveOut(column, false);
    for (const { key, value } of nodesIn(star.replace_list)) {
      leaveOut(key, false);
      this.addExpressions(value);
    }
    for (const { key } of nodesIn(star.rename_list)) {
      if (!isNode(key)) leaveOut(key, true);
      else if (!this.#isOfJoined(key.table)) leaveOut(key.column, true);
    }
    for (const name of this.#names) if (!removed.has(name)) this.#passed.set(name, name);
  }

  /** Returns the column of a reference to a whole column. Undefined: it is not one. */
  #columnOf(path: readonly string[]): string | undefined {
    const [first = "", second, ...more] = path.map((name) => name.toLowerCase());
    if (second === undefined) return this.#byLower.get(first);
    const isQualified = more.length === 0 && this.#tables.has(first) && !this.#byLower.has(first);
    return isQualified ? this.#byLower.get(second) : undefined;
  }

  /** Adds the column of a reference. The path begins with a column, or with the table and a column. */
  addReference(path: readonly string[]): void {
    const [first = "", second] = path.map((name) => name.toLowerCase());
    const column = this.#byLower.get(first);
    if (column !== undefined) this.#reads.add(column);
    if (!this.#tables.has(first)) return;
    const inTable = second === undefined ? undefined : this.#byLower.get(second);
    if (inTable !== undefined) this.#reads.add(inTable);
    // A reference to the whole row, as a struct.
    else if (column === undefined) this.#addAll();
  }

  #isOfJoined(table: unknown): boolean {
    return typeof table === "string" && this.#joined.has(table.toLowerCase());
  }

  #addAll(): void {
    for (const name of this.#names) this.#reads.add(name);
  }
}
