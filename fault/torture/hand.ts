import type { TortureCase } from "./torture-case.ts";

/** Another program that knows the formats: it writes a case's files, and reads what was published of them. */
export interface Hand extends AsyncDisposable {
  /** Writes `data/` of the case below `folder`, which exists. @returns why it cannot, or null when it did */
  make(torture: TortureCase, folder: string): Promise<string | null>;
  /**
   * What is wrong with `out/` of the case below `folder`; empty when every row and value is as it must be.
   */
  judge(torture: TortureCase, folder: string): Promise<string[]>;
}
