/** What is lost where texts are cut off, and what to do. @param rows how many: `3 of 4,000 rows` */
export function truncatedText(rows: string): string {
  return `${rows}: a text of each has more tokens than maxTokens, and the rest of it was not seen; raise maxTokens if the model takes more, or make passages of the texts with split`;
}
