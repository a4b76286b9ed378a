/** Errors of processes, stores and connections, by section and code. */
export const SYSTEM_ERRORS = {
  "Standing coordinators, schedules and queues": {
    LEDGER_LOCKED: {
      what: "Another process makes the runs of this job.",
      why: "`shardmill serve` runs already for the same job.",
      remedy: "Stop the process that is named. One process at a time makes the runs of a job.",
    },
    QUEUE_FAILED: {
      what: "A queue cannot be used.",
      why: "It does not exist, the broker is unreachable, or permissions are missing.",
      remedy: "Create the queue, and correct its address or credentials.",
    },
    STATE_LOCKED: {
      what: "Another coordinator uses the state folder.",
      why: "It runs with the same `--state`.",
      remedy: "Stop it, or name another folder with `--state`.",
    },
    STATE_FAILED: {
      what: "The state folder cannot be used.",
      why: "It cannot be written, or the disk is full.",
      remedy: "Name a writable folder with `--state`.",
    },
  },
  "Files and stores": {
    TEMP_FAILED: {
      what: "No temporary folder can be made.",
      why: "The disk is full, or the folder cannot be written.",
      remedy: "Set `TMPDIR` to a writable folder with room.",
    },
    CACHE_FAILED: {
      what: "The cache cannot be written.",
      why: "The disk is full, or the folder cannot be written.",
      remedy: "Set `SHARDMILL_CACHE` to a writable folder with room.",
    },
    STORE_NOT_FOUND: {
      what: "A file or object does not exist.",
      why: "It was deleted, or its address has a typing error.",
      remedy: "Correct the address, or restore the file.",
    },
    STORE_EXISTS: {
      what: "A file or object exists with other content.",
      why: "Another program wrote it.",
      remedy: "Choose another place for the output.",
    },
    STORE_FAILED: {
      what: "A store failed.",
      why: "It answered with an error, or the connection broke.",
      remedy: "Read the store's message. Run the same command again.",
    },
    STORE_UNAVAILABLE: {
      what: "A store is unreachable or limits requests.",
      why: "The network is down, or too many requests are made.",
      remedy:
        "Nothing. The job waits and resumes. If it takes long, check the network and the store's limits.",
    },
    STORE_CHANGED: {
      what: "An object changed while it was read.",
      why: "Another program replaced it.",
      remedy: "Wait until the data is complete, then run the job again.",
    },
    LOCATION_REFUSED: {
      what: "The coordinator or worker may not open this place.",
      why: "`--allow-locations` does not list it.",
      remedy: "Ask the operator to allow it, or move the files.",
    },
    STORE_REFUSED: {
      what: "A store refused the request.",
      why: "Credentials are missing, expired, or lack a permission.",
      remedy: "Correct the credentials or permissions. The message names the operation.",
    },
  },
  "Leases and workers": {
    LEASE_STALE: {
      what: "A worker reported on a lease that it no longer holds.",
      why: "The lease expired, and another worker has the shard.",
      remedy: "Nothing. The shard is counted once.",
    },
    SESSION_STALE: {
      what: "The coordinator does not know this worker session.",
      why: "The coordinator restarted, or the worker was silent for too long.",
      remedy: "Nothing. The worker registers again.",
    },
    PARTIAL_INVALID: {
      what: "A shard's result is not as its worker reported it.",
      why: "The disk, the store or the network changed its bytes.",
      remedy: "Check the storage that is named. The shard is mapped again.",
    },
    ATTEMPT_STALLED: {
      what: "A shard took far too long on a worker.",
      why: "The process hangs, or the machine is overloaded.",
      remedy: "Check that worker's machine. The shard is mapped again elsewhere.",
    },
    SHARD_FAILED: {
      what: "A shard failed on several workers.",
      why: "The cause is in the message: the model, the data or the nodes.",
      remedy: "Remove the cause and run the same command. Committed shards are kept.",
    },
    WORKER_UNFIT: {
      what: "A worker cannot do this job.",
      why: "It does not see the job's files, or lacks something that the job needs.",
      remedy: "Follow the hint for that worker. Other workers go on.",
    },
    NO_WORKERS: {
      what: "The job has no worker.",
      why: "None joined in time, or all left.",
      remedy: "Start one: `shardmill worker --coordinator HOST:PORT`.",
    },
  },
  Connections: {
    VERSION_SKEW: {
      what: "Coordinator and worker have versions that cannot work together.",
      why: "One of them was updated.",
      remedy: "Install the same version of Shardmill on both.",
    },
    JOB_NOT_FOUND: {
      what: "The coordinator does not know this job.",
      why: "The id has a typing error, or the coordinator no longer keeps the job.",
      remedy: "List the jobs with `shardmill status`.",
    },
    JOB_ENDED: {
      what: "The job has ended already.",
      why: "It is published, failed or cancelled.",
      remedy: "Nothing. `shardmill status` shows how it ended.",
    },
    RESULT_NOT_FOUND: {
      what: "There is no such result.",
      why: "The output is not published, or the job was replaced.",
      remedy: "Check the path or id. For Arrow Flight, get the flight info again.",
    },
    CANCEL_TOO_LATE: {
      what: "The job can no longer be cancelled.",
      why: "It is being published, or it has ended.",
      remedy: "Nothing. Wait for the end.",
    },
    PAUSE_TOO_LATE: {
      what: "The job can no longer be paused.",
      why: "It is reducing, publishing, or has ended.",
      remedy: "Nothing. Wait for the end.",
    },
    PORT_IN_USE: {
      what: "The port is in use.",
      why: "Another process listens on it.",
      remedy: "Choose another port with `--listen`, or stop that process.",
    },
    COORDINATOR_UNREACHABLE: {
      what: "The coordinator cannot be reached.",
      why: "It is not running, the address is wrong, or a firewall blocks it.",
      remedy: "Check the address and the network. A worker retries by itself.",
    },
    SECRET_INVALID: {
      what: "The secret file cannot be used.",
      why: "It is missing, empty, or readable by other users.",
      remedy: "Follow the hint. The file needs mode 0600.",
    },
    SECRET_REFUSED: {
      what: "The coordinator refused the secret.",
      why: "It belongs to another user or coordinator.",
      remedy: "Copy the coordinator's secret file, and name it with `--secret-file`.",
    },
    TOKEN_INVALID: {
      what: "The tokens file has an invalid line.",
      why: "Somebody edited it, or it was cut off.",
      remedy: "Remove the line that is named, and create the token again.",
    },
    TOKEN_REFUSED: {
      what: "The coordinator refused the token.",
      why: "It expired, was revoked, or is of another coordinator.",
      remedy: "Ask the operator for a new one: `shardmill token create`.",
    },
    ROLE_REFUSED: {
      what: "The token's role does not allow this call.",
      why: "Roles are `read`, `submit`, `work` and `admin`.",
      remedy: "Ask the operator for a token with the role that is named.",
    },
    MODULES_REFUSED: {
      what: "Own code is not allowed here.",
      why: "Workers and coordinators run it only if their operator allows it.",
      remedy: "Ask the operator to start it with `--allow-modules`.",
    },
    SUBMIT_REFUSED: {
      what: "This coordinator takes no jobs.",
      why: "It was started with a job of its own, or does not allow what the job asks for.",
      remedy: "Submit to one that was started without a job: `shardmill coordinator`.",
    },
    LISTENING_REFUSED: {
      what: "The address would serve other machines without encryption.",
      why: "It is not a local address, and no certificate is given.",
      remedy: "Add `--tls-cert` and `--tls-key`, or `--insecure` in a trusted network.",
    },
    TLS_INVALID: {
      what: "A certificate or key cannot be used.",
      why: "It is missing, malformed, expired, or does not match the key.",
      remedy: "Correct the file that is named.",
    },
    CERTIFICATE_REFUSED: {
      what: "A certificate was refused.",
      why: "It expired, has another name, or its CA is unknown.",
      remedy: "Follow the hint: `--tls-ca` for the server's CA, `--tls-cert` for the client's certificate.",
    },
    RPC_FAILED: {
      what: "A call failed in an unexpected way.",
      why: "Something else listens at the address, or a message is malformed.",
      remedy: "Check the address. If it is right, please report the message.",
    },
    DEADLINE_EXCEEDED: {
      what: "A call took too long.",
      why: "The peer or the network is overloaded.",
      remedy: "Run the command again. Workers retry by themselves.",
    },
    RESOURCE_EXHAUSTED: {
      what: "A limit of the coordinator is reached.",
      why: "Too many calls, workers or connections.",
      remedy: "Call less often, or start another coordinator.",
    },
  },
  Ends: {
    JOB_CANCELLED: {
      what: "The job was cancelled.",
      why: "A user cancelled it.",
      remedy: "Run it again to resume: committed shards are kept.",
    },
    INTERRUPTED: {
      what: "The process was interrupted.",
      why: "It received a signal, such as Ctrl-C.",
      remedy: "Run the same command again. It resumes.",
    },
    WORKER_LOST: {
      what: "A worker process ended unexpectedly.",
      why: "It was killed, ran out of memory, or a library crashed.",
      remedy: "Check the memory of that machine. The worker is started again.",
    },
    INTERNAL: {
      what: "Shardmill has a fault.",
      why: "A check of its own failed. Nothing is published that could be wrong.",
      remedy: "Please report it, with the message and the log.",
    },
  },
} as const;
