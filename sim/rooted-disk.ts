import type { Disk } from "../shared/core/disk.ts";

/** Returns the disk of one machine: a folder of the image that no other machine uses. */
export function rootedDisk(disk: Disk, root: string): Disk {
  const at = (path: string) => `${root}${path}`;
  return {
    open: (path, flags) => disk.open(at(path), flags),
    readFile: (path) => disk.readFile(at(path)),
    readChunks: (path) => disk.readChunks(at(path)),
    readdir: (path) => disk.readdir(at(path)),
    entries: (path) => disk.entries(at(path)),
    stat: (path) => disk.stat(at(path)),
    realpath: async (path) => (await disk.realpath(at(path))).slice(root.length),
    lstat: (path) => disk.lstat(at(path)),
    mkdir: (path) => disk.mkdir(at(path)),
    link: (from, to) => disk.link(at(from), at(to)),
    rename: (from, to) => disk.rename(at(from), at(to)),
    copyFile: (from, to) => disk.copyFile(at(from), at(to)),
    unlink: (path) => disk.unlink(at(path)),
    rmdir: (path) => disk.rmdir(at(path)),
    remove: (path) => disk.remove(at(path)),
  };
}
