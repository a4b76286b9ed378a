// Joins groups of chunks, where a file less is worth more than the code that some scripts load in vain.

/** CPU time to load a file of the bundle, and a KiB in it. Measured with Node 20 on two Intel cores. */
const COST_MS = { file: 0.4, kib: 0.04 };

/** Code that only its own users load. */
const APART = /^(?:node_modules|extensions)\//;

/**
 * Joins groups until no pair gains. Pairs that would import each other in a circle stay apart. So do pairs
 * that would give a script another library, a module of Node, or code of an extension.
 *
 * @param groups groups of chunks with `paths`, their `users` (a set of scripts). `fixed` groups stay
 * @param outputs files of esbuild's metafile
 */
export function joinGroups(groups, outputs) {
  const nodes = nodesOf(groups, outputs);
  for (;;) {
    const pair = bestPair(nodes);
    if (pair === null) return nodes.filter(({ paths }) => paths !== null).map(({ paths }) => paths);
    join(nodes, pair);
  }
}

/** Returns the groups and all other files as nodes of one graph. Only nodes with `paths` are joined. */
function nodesOf(groups, outputs) {
  const grouped = new Set(groups.flatMap(({ paths }) => paths));
  const others = Object.keys(outputs).filter((path) => path.endsWith(".js") && !grouped.has(path));
  const files = [...groups, ...others.map((path) => ({ paths: [path], users: new Set(), fixed: true }))];
  const nodes = files.map(({ paths, users, fixed }) => ({
    paths: fixed ? null : paths,
    users,
    parts: paths,
  }));
  const nodeOf = new Map(nodes.flatMap((node) => node.parts.map((path) => [path, node])));
  for (const node of nodes) {
    const parts = node.parts.map((path) => outputs[path]);
    const statements = parts
      .flatMap(({ imports }) => imports)
      .filter(({ kind }) => kind === "import-statement");
    node.bytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
    node.outside = new Set(statements.filter(({ external }) => external).map(({ path }) => path));
    node.apart = parts.some(({ inputs }) => Object.keys(inputs).some((path) => APART.test(path)));
    const inside = statements.filter(({ external }) => !external).map(({ path }) => nodeOf.get(path));
    node.imports = new Set(inside.filter((each) => each !== node));
  }
  return nodes;
}

function bestPair(nodes) {
  const candidates = nodes.filter(({ paths }) => paths !== null);
  const reached = new Map(nodes.map((node) => [node, reachedFrom(node)]));
  const loaded = new Map();
  for (const node of candidates)
    for (const user of node.users) loaded.set(user, (loaded.get(user) ?? new Set()).add(node));
  let best = null;
  for (const [at, a] of candidates.entries()) {
    for (const b of candidates.slice(at + 1)) {
      const limit = best?.gain ?? 0;
      const gain = gainOf(a, b, { reached, loaded, limit });
      if (gain > limit && !isCircle(a, b, reached) && !isCircle(b, a, reached)) best = { a, b, gain };
    }
  }
  return best;
}

/** Returns the CPU time that a pair saves over all scripts, or 0 if it is at most `limit`. */
function gainOf(a, b, { reached, loaded, limit }) {
  let gain = 0;
  for (const user of a.users) if (b.users.has(user)) gain += COST_MS.file;
  for (const [own, added] of [
    [a, b],
    [b, a],
  ]) {
    for (const user of own.users) {
      if (gain <= limit) return 0;
      if (added.users.has(user)) continue;
      const before = loaded.get(user);
      const outside = new Set([...before].flatMap((each) => [...each.outside]));
      for (const each of reached.get(added)) {
        if (before.has(each)) continue;
        if (each.apart || each.paths === null || [...each.outside].some((path) => !outside.has(path)))
          return 0;
        gain -= (each === added ? 0 : COST_MS.file) + (each.bytes / 1024) * COST_MS.kib;
      }
    }
  }
  return gain;
}

/** Checks whether `a` comes to `b` through another node. */
function isCircle(a, b, reached) {
  return [...a.imports].some((each) => each !== b && reached.get(each).has(b));
}

function reachedFrom(node) {
  const found = new Set([node]);
  for (const each of found) for (const next of each.imports) found.add(next);
  return found;
}

/** Makes `a` the node of both. */
function join(nodes, { a, b }) {
  const reached = new Set([...reachedFrom(a), ...reachedFrom(b)]);
  nodes.splice(nodes.indexOf(b), 1);
  a.paths = [...a.paths, ...b.paths];
  a.bytes += b.bytes;
  a.apart ||= b.apart;
  for (const path of b.outside) a.outside.add(path);
  for (const user of b.users) a.users.add(user);
  for (const each of b.imports) a.imports.add(each);
  for (const node of nodes) if (node.imports.delete(b)) node.imports.add(a);
  a.imports.delete(a);
  // Users of one now load what the other imports.
  for (const each of reached) for (const user of a.users) each.users.add(user);
}
