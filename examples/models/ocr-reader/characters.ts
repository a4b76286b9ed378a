import { defineStep, list, vector } from "shardmill";
// @ts-expect-error TypeScript knows no text files; the bundler makes a string of them.
import characters from "./model/characters.txt";

const PLACES = 115;
/** Characters by class. The first class is no character, and the last is the space. */
const CLASSES = ["", ...String(characters).trimEnd().split("\n"), " "];

/** Decodes CTC: the likeliest class at each place, where a class over several places is one character. */
export default defineStep({
  reads: { probabilities: vector("float32", PLACES * CLASSES.length) },
  columns: { text: "string", scores: list("float32") },
  row({ probabilities }) {
    const best = Array.from({ length: PLACES }, (_, place) => {
      const own = probabilities.subarray(place * CLASSES.length, (place + 1) * CLASSES.length);
      return own.reduce((most, value, at) => (value > (own[most] ?? 0) ? at : most), 0);
    });
    const read = best.map((found, place) => (found === best[place - 1] ? "" : (CLASSES[found] ?? "")));
    const scores = best.map((found, place) => probabilities[place * CLASSES.length + found] ?? 0);
    return { text: read.join(""), scores };
  },
});
