/** Native library that is not part of the package. A feature uses it where it is installed. */
export interface LibraryPart {
  /** Work of the library: `JPEG images`. */
  readonly serves: string;
  /** Key of an input in the job file that uses it: `image`. */
  readonly feature: string;
  /** Finds the library that this process uses. */
  find(): Promise<UsedLibrary>;
}

export interface UsedLibrary {
  /** Name of the used library: `libturbojpeg`. */
  readonly used: string;
  /** Advice to install a faster one. Null: none is faster. */
  readonly hint: string | null;
}
