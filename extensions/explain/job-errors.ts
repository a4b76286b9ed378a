/** Errors of a job and its data, by section and code. */
export const JOB_ERRORS = {
  "What the user asked for": {
    ARGUMENT_INVALID: {
      what: "An option or argument of a command is invalid.",
      why: "It is unknown, misspelled, or contradicts another one.",
      remedy: "Correct what the message names. `shardmill COMMAND --help` lists the options.",
    },
    SPEC_INVALID: {
      what: "The job file has problems.",
      why: "A key is unknown, a value has the wrong type, or columns and tensors do not fit together.",
      remedy:
        "Correct each line that is listed. `shardmill plan` checks again. All keys are in `docs/job-file.md`.",
    },
    SQL_INVALID: {
      what: "SQL in the job file cannot be prepared.",
      why: "It has a syntax error, or names a column or function that does not exist.",
      remedy: "Correct the SQL at the line that is named. It is DuckDB's dialect.",
    },
    SQL_FAILED: {
      what: "SQL in the job file failed while it ran.",
      why: "A value overflowed, a cast failed, or memory or time ran out.",
      remedy: "Use `try_cast`, or filter the rows that the message names.",
    },
    STEP_INVALID: {
      what: "Own code of the job does not have the required form.",
      why: "A module exports no step or reduction by default, or declares other columns or types.",
      remedy: "Correct the module that is named. `docs/job-file.md` has the form.",
    },
    STEP_FAILED: {
      what: "Own code of the job failed.",
      why: "It threw an error, returned the wrong number of rows, or took too long.",
      remedy: "Read the stack in the message. `shardmill try` runs the same code on some rows.",
    },
    SERVER_UNAVAILABLE: {
      what: "The server of a step was unavailable or overloaded for longer than its `patience`.",
      why: "It has stopped, the network is down, or too many requests are made.",
      remedy:
        "Start the server, then run the same command again. Answers that workers have are not requested again.",
    },
  },
  Input: {
    INPUT_NOT_FOUND: {
      what: "No input file was found.",
      why: "The path has a typing error, the glob matches nothing, or files are excluded.",
      remedy: "Correct `input.path`. The message lists what was found there, and why files are skipped.",
    },
    INPUT_CORRUPT: {
      what: "An input file cannot be read.",
      why: "The file is cut off or damaged.",
      remedy: "Write the file again, or exclude it from `input.path`.",
    },
    INPUT_UNSUPPORTED: {
      what: "An input file uses something that Shardmill does not read.",
      why: "It is encrypted, or has an unsupported codec, type or encoding.",
      remedy: "Convert the file, for example with pyarrow or DuckDB.",
    },
    INPUT_SCHEMA_MIXED: {
      what: "Input files have different columns.",
      why: "All files of a job need the same columns and types.",
      remedy: "Convert the files that are named, or make two jobs.",
    },
    INPUT_CHANGED: {
      what: "An input file changed while the job ran.",
      why: "Another program replaced or appended to it.",
      remedy: "Wait until the files are complete, then run the job with `--fresh`.",
    },
  },
  "Model and device": {
    MODEL_NOT_FOUND: {
      what: "The model was not found.",
      why: "The path has a typing error, or the folder has no ONNX file.",
      remedy: "Correct `model.path` or `model.file`.",
    },
    MODEL_INVALID: {
      what: "The model cannot be loaded.",
      why: "It is no ONNX file, is incomplete, or needs an operator that this runtime lacks.",
      remedy: "Export it again. Check it with `onnx.checker`.",
    },
    MODEL_CHANGED: {
      what: "A file of the model or of a step, or a table, changed while the job ran.",
      why: "Another program replaced it.",
      remedy: "Run the job again once the files are complete.",
    },
    MODEL_FAILED: {
      what: "The model failed on a batch.",
      why: "An operator refused the values or shapes of the batch.",
      remedy: "Read the runtime's message. `shardmill try --row FILE:N` runs the model on one row.",
    },
    MODEL_SHAPE: {
      what: "The model returned outputs of another shape than it declares.",
      why: "The first dimension is not the batch, or the model fixes it.",
      remedy: "Set `batchAxis` for the input or output, or `map.batch.rows`.",
    },
    DEVICE_UNAVAILABLE: {
      what: "The requested device cannot run here.",
      why: "A driver or provider is missing.",
      remedy: "Run `shardmill probe` on that node. It prints what is missing and how to install it.",
    },
    DEVICE_WRONG: {
      what: "A device computes other numbers than the CPU.",
      why: "A driver or kernel is faulty, or the model needs more precision than the device has.",
      remedy: "Use another device, or loosen `model.check` if the rows that are named are right.",
    },
    CONVERSION_LOSS: {
      what: "The converted model differs too much from its original.",
      why: "The precision of the conversion is too low for this model.",
      remedy: "Choose another `model.precision`, or set in `model.check` what the job allows.",
    },
    OUT_OF_MEMORY: {
      what: "A device or process has not enough memory.",
      why: "The batch or the model is too large.",
      remedy: "Set a smaller `map.batch.rows` or `map.batch.tokens`, or use a larger device.",
    },
  },
  Rows: {
    ROW_UNREADABLE: {
      what: "A row cannot be read from its file.",
      why: "A line of CSV or JSON Lines is malformed, or a value has the wrong type.",
      remedy: "Correct the line that is named, or allow dead letters by `errors.maxRows`.",
    },
    ROW_NULL: {
      what: "A row has a null where the model needs a value.",
      why: "The column has nulls.",
      remedy: "Set `fill` for the input, filter by `input.where`, or allow dead letters.",
    },
    ROW_LENGTH: {
      what: "A row has a list of the wrong length.",
      why: "The model needs a fixed number of values.",
      remedy: "Pad or cut the list in `map.prepare`, or filter such rows.",
    },
    ROW_VALUE: {
      what: "A row has a value that cannot be used.",
      why: "A file cannot be decoded, a text is invalid, or a number is out of range.",
      remedy: "Correct the value, or allow dead letters by `errors.maxRows`.",
    },
    ROW_FAILED: {
      what: "The model fails on one row alone.",
      why: "Its values make an operator fail.",
      remedy: "Look at the row with `shardmill try --row FILE:N`.",
    },
    ROW_POISON: {
      what: "A row ends every worker process that maps it.",
      why: "The model or a library crashes on it.",
      remedy: "Look at the row. It is a dead letter, and the job goes on within `errors.maxRows`.",
    },
    ERROR_BUDGET_EXCEEDED: {
      what: "More rows are dead letters than the job allows.",
      why: "`errors.maxRows` is smaller than the number of rows that cannot be mapped.",
      remedy: "Read the reasons in the message, then correct the data or raise `errors.maxRows`.",
    },
  },
  "Output and job files": {
    OUTPUT_OCCUPIED: {
      what: "Something else is at the output's place.",
      why: "The folder has files that are not of this job.",
      remedy: "Choose another `output.path`, or use `--fresh` to replace an output of Shardmill.",
    },
    RUN_PUBLISHED: {
      what: "Another machine published this run.",
      why: "Two coordinators ran it at the same time. One result is published, and it is whole.",
      remedy: "Run the command again. Input that is new since then is the next run.",
    },
    OUTPUT_LOCKED: {
      what: "Another coordinator works on this output.",
      why: "It is still running, or it exited a short time ago.",
      remedy: "Stop the process that is named, or wait until it has ended.",
    },
    OUTPUT_FAILED: {
      what: "The output cannot be written or read.",
      why: "The disk is full, or permissions are missing.",
      remedy: "Make room or change the permissions, then run the same command. It resumes.",
    },
    JOB_MISMATCH: {
      what: "The output folder has an unfinished run of another job.",
      why: "The job file, its code or tables, the model, the input or the version changed since.",
      remedy: "Undo the change to resume, or start over with `--fresh`.",
    },
    JOURNAL_CORRUPT: {
      what: "The journal of the run is damaged.",
      why: "The disk returned other bytes than were written.",
      remedy: "Start over with `--fresh`.",
    },
    JOURNAL_FAILED: {
      what: "The journal cannot be written.",
      why: "The disk is full or failing, or permissions are missing.",
      remedy: "Make room or change the permissions, then run the same command. It resumes.",
    },
  },
} as const;
