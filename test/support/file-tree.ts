import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Files in a temporary folder, by their path in the folder. */
export class FileTree implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * @param files paths of files, or their content by path
   * @param links target of each link, relative to its folder
   */
  static async make(
    files: readonly string[] | Readonly<Record<string, string>>,
    links: Readonly<Record<string, string>> = {},
  ): Promise<FileTree> {
    const tree = new FileTree(await realpath(await mkdtemp(join(tmpdir(), "shardmill-tree-"))));
    const contents = Array.isArray(files) ? files.map((path) => [path, path]) : Object.entries(files);
    for (const [path, content] of contents) {
      await mkdir(dirname(tree.at(path)), { recursive: true });
      await writeFile(tree.at(path), content);
    }
    for (const [path, target] of Object.entries(links)) {
      await mkdir(dirname(tree.at(path)), { recursive: true });
      await symlink(target, tree.at(path));
    }
    return tree;
  }

  at(path: string): string {
    return join(this.root, path);
  }

  /** Returns a path relative to the folder, as {@link FileTree.at} takes it. */
  inside(path: string): string {
    return path.slice(this.root.length + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
