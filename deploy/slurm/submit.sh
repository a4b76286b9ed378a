#!/bin/bash
# Submits a job to Slurm: submit.sh JOB.YAML WORKERS [SBATCH_OPTIONS...]
# The options apply to the workers (--partition, --gres=gpu:a100:1, --time). Prints the IDs of both Slurm jobs.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $(basename "$0") JOB.YAML WORKERS [SBATCH_OPTIONS...]" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
job=$(realpath "$1") workers=$2
shift 2
[[ "$workers" =~ ^[1-9][0-9]*$ ]] || { echo "WORKERS must be a whole number of at least 1, not $workers" >&2; exit 2; }
export SHARDMILL_COORDINATOR_OPTIONS="${SHARDMILL_COORDINATOR_OPTIONS:?set it to --insecure, or to --tls-cert FILE --tls-key FILE}"
address=$(mktemp --dry-run --tmpdir="$(dirname "$job")" .shardmill-XXXXXX.address)

coordinator=$(sbatch --parsable "$here/coordinator.sbatch" "$job" "$address")
# Starts after the coordinator, so that workers do not hold GPUs while the coordinator is queued.
array=$(sbatch --parsable --array="0-$((workers - 1))" --dependency="after:$coordinator" "$@" \
  "$here/workers.sbatch" "$address")
echo "coordinator $coordinator, workers $array"
