import type { TortureCase } from "./torture-case.ts";

/** Another program that knows the formats. It writes a case's files, and reads the published ones. */
export interface Hand extends AsyncDisposable {
  /**
   * Writes `data/` of the case below the existing `folder`.
   *
   * @returns the reason why it cannot, or null
   */
  make(torture: TortureCase, folder: string): Promise<string | null>;
  /** Describes the problems of `out/` of the case below `folder`. Empty: every row and value is right. */
  judge(torture: TortureCase, folder: string): Promise<string[]>;
}
