export interface TextFault {
  readonly line: number;
  readonly rule: "first-word" | "sentence" | "word" | "width" | "cell";
  readonly says: string;
}

export function findTextFaults(path: string, text: string): readonly TextFault[];
export function subjectFault(subject: string): string | null;
export function lastSubjects(): readonly string[];
export function textFiles(): readonly string[];
