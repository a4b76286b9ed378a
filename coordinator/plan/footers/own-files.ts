/**
 * Files that this process wrote itself, by path: their footers are read in it, and no process is started for
 * them. Of any other file it is not known what it does to a reader.
 */
export const OWN_FILES = new Set<string>();
