export interface TextFault {
  readonly line: number;
  readonly rule: "first-word" | "sentence" | "word" | "width" | "cell";
  readonly says: string;
}

export function findTextFaults(path: string, text: string): readonly TextFault[];
export function folderOf(path: string): string;
export function textFiles(): readonly string[];
