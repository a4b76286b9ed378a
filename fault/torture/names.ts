import type { Dice } from "../hostile/dice.ts";

/** Usual names of columns, files and folders, and names that break programs which concatenate text. */
const PLAIN = ["a", "value", "Value2", "user_id", "x1", "label", "text", "CamelCase"];
const FOREIGN = ["é", "größe", "日本", "имя", "ключ.поле", "😀", "naïve", "Ünïcode", "עברית", "e\u0301"];
const ODD = [
  "a.b",
  "a.b.c",
  " lead",
  "trail ",
  "two words",
  'a"b',
  "it's",
  "back\\slash",
  "sl/ash",
  "a,b",
  "a;b",
  "a\nb",
  "tab\there",
  "10",
  "2",
  "-1",
  "0x",
  "%s",
  "$x",
  "$" + "{x}",
  "*",
  "f*",
  "[a]",
  "{a}",
  "(a)",
  "#",
  "a:b",
  "?",
  "!",
  "~",
  "@",
  "&anchor",
  "null",
  "true",
  "<<",
];
const WORDS = [
  "select",
  "from",
  "rows",
  "partials",
  "file",
  "filename",
  "rowid",
  "row",
  "index",
  "order",
  "group",
  "list",
  "element",
  "key",
  "entries",
  "schema",
  "item",
];
const SCRIPT = ["__proto__", "constructor", "toString", "hasOwnProperty", "length", "prototype", "valueOf"];
const LONG = ["l".repeat(200), "ü".repeat(90)];

const COLUMN_FAMILIES = [PLAIN, PLAIN, FOREIGN, ODD, WORDS, SCRIPT, LONG];

/** Returns a name that is not in `taken` (lower case), and adds it. */
export function columnName(dice: Dice, taken: Set<string>): string {
  for (;;) {
    const base = dice.pick(dice.pick(COLUMN_FAMILIES));
    // Gives names that are prefixes of each other, or that differ only in the last letter.
    const name = dice.int(4) === 0 ? `${base}${dice.int(100)}` : base;
    const folded = name.toLowerCase().normalize("NFC");
    if (taken.has(folded)) continue;
    taken.add(folded);
    return name;
  }
}

const FOLDERS = [
  ...["job", "job", "run[1]", "My (project)", "{a,b}", "star*", "what?", "!not", "@(x|y)", "two words"],
  ...[
    "größe",
    "日本",
    "it's",
    'qu"ote',
    "a#b",
    "100%",
    "%20",
    "a&b",
    "~tilde",
    "-dash",
    "+plus",
    "back\\slash",
  ],
  ...["$HOME", "a;b", "a,b", "[", "**"],
];

export function folderName(dice: Dice): string {
  return dice.pick(FOLDERS);
}

const FILE_TAILS = ["", "", "", " two", "é", "[1]", "(x)", "#", "%41", "'", "*", "{a}", ".b", "日本", "😀"];

/** Returns a file name. Names sort like their numbers, so that the order of rows is that of the files. */
export function fileName(dice: Dice, index: number, ending: string): string {
  return `part-${String(index).padStart(5, "0")}${dice.pick(FILE_TAILS)}.${ending}`;
}
