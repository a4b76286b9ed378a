// A replacement of NVIDIA's management library for a machine without a GPU. It has the functions, numbers and
// structures of nvml.h that its users call. A test writes its data to a file. Each line of $GPUS_OF_A_TEST is
// a GPU and a fact, `0 celsius 61`. A GPU exists if it has a line. Each line of $GPUS_OF_A_TEST.events is
// returned once: a GPU and an Xid. `0 mig 1`: GPU 0 is split into the devices whose lines begin with 100 to
// 106, and GPU 1 into 110 to 116.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TIMEOUT = 10, LOST = 15 };
#define MOST 8
#define PARTS 7
typedef struct { unsigned int gpu, memory; } Rates;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { void *device; unsigned long long type, data; unsigned int instance, compute; } Event;
static int handles[MOST] = {0, 1, 2, 3, 4, 5, 6, 7};
static int parts[MOST][PARTS];
static int sets[1];
static int taken;

static int isThere(int gpu) {
  char line[200];
  FILE *file = fopen(getenv("GPUS_OF_A_TEST"), "r");
  int found = 0, index;
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "%d", &index) == 1 && index == gpu) found = 1;
  if (file) fclose(file);
  return found;
}

static Status value(int gpu, const char *wanted, unsigned long long *out) {
  char line[200], key[80];
  unsigned long long number;
  int index, lost = 0;
  Status status = NOT_SUPPORTED;
  FILE *file = fopen(getenv("GPUS_OF_A_TEST"), "r");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%d %79s %llu", &index, key, &number) != 3 || index != gpu) continue;
    if (strcmp(key, "lost") == 0) lost = (int)number;
    if (strcmp(key, wanted) == 0) { *out = number; status = SUCCESS; }
  }
  if (file) fclose(file);
  return lost ? LOST : status;
}

static Status value32(void *device, const char *wanted, unsigned int *out) {
  unsigned long long number = 0;
  Status status = value(*(int *)device, wanted, &number);
  if (status == SUCCESS) *out = (unsigned int)number;
  return status;
}

Status nvmlInit_v2(void) { return SUCCESS; }
Status nvmlInitWithFlags(unsigned int flags) { return SUCCESS; }
Status nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(Status status) { return status == LOST ? "GPU is lost" : status == NOT_FOUND ? "Not Found" : "an error"; }
Status nvmlDeviceGetCount_v2(unsigned int *count) {
  for (*count = 0; *count < MOST && isThere((int)*count);) ++*count;
  return SUCCESS;
}
Status nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  if (index >= MOST || !isThere((int)index)) return NOT_FOUND;
  *device = &handles[index];
  return SUCCESS;
}
Status nvmlDeviceGetMigMode(void *device, unsigned int *current, unsigned int *pending) {
  Status status = value32(device, "mig", current);
  *pending = *current;
  return status;
}
Status nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned int *count) { *count = PARTS; return SUCCESS; }
Status nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int index, void **part) {
  int gpu = *(int *)device;
  if (index >= PARTS || !isThere(100 + 10 * gpu + (int)index)) return NOT_FOUND;
  parts[gpu][index] = 100 + 10 * gpu + (int)index;
  *part = &parts[gpu][index];
  return SUCCESS;
}
Status nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *part, void **device) {
  int index = *(int *)part;
  if (index < 100) return INVALID;
  *device = &handles[(index - 100) / 10];
  return SUCCESS;
}
Status nvmlDeviceGetGpuInstanceId(void *part, unsigned int *id) { *id = *(int *)part % 10; return *(int *)part < 100 ? INVALID : SUCCESS; }
Status nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
  int index;
  if (sscanf(uuid, "MIG-0000%d", &index) == 1) return nvmlDeviceGetMigDeviceHandleByIndex(&handles[(index - 100) / 10], index % 10, device);
  if (sscanf(uuid, "GPU-0000%d", &index) != 1) return NOT_FOUND;
  return nvmlDeviceGetHandleByIndex_v2((unsigned int)index, device);
}
Status nvmlDeviceGetName(void *device, char *name, unsigned int length) {
  int index = *(int *)device;
  snprintf(name, length, index < 100 ? "Pretended GPU %d" : "Pretended part %d", index);
  return SUCCESS;
}
Status nvmlDeviceGetUUID(void *device, char *uuid, unsigned int length) {
  int index = *(int *)device;
  snprintf(uuid, length, index < 100 ? "GPU-0000%d" : "MIG-0000%d", index);
  return SUCCESS;
}
Status nvmlDeviceGetUtilizationRates(void *device, Rates *rates) {
  rates->memory = 0;
  return value32(device, "utilisation", &rates->gpu);
}
Status nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
  Status status = value(*(int *)device, "total", &memory->total);
  if (status == SUCCESS) status = value(*(int *)device, "used", &memory->used);
  memory->free = memory->total - memory->used;
  return status;
}
Status nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) { return sensor ? INVALID : value32(device, "celsius", celsius); }
Status nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) { return value32(device, "milliwatts", milliwatts); }
Status nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) { return value(*(int *)device, "reasons", reasons); }
Status nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *count) {
  return counter ? INVALID : value(*(int *)device, type ? "uncorrected" : "corrected", count);
}
Status nvmlEventSetCreate(void **set) { *set = sets; taken = 0; return SUCCESS; }
Status nvmlEventSetFree(void *set) { return set == sets ? SUCCESS : INVALID; }
Status nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set) { return set == sets && types == 8 ? SUCCESS : INVALID; }
Status nvmlEventSetWait_v2(void *set, Event *event, unsigned int milliseconds) {
  char path[500];
  int gpu, xid, line = 0;
  char of[80];
  snprintf(path, sizeof path, "%s.events", getenv("GPUS_OF_A_TEST"));
  FILE *file = fopen(path, "r");
  Status status = TIMEOUT;
  while (file && set == sets && fgets(of, sizeof of, file) && sscanf(of, "%d %d", &gpu, &xid) == 2)
    if (line++ == taken) {
      int part = gpu >= 100;
      event->device = &handles[part ? (gpu - 100) / 10 : gpu];
      event->type = 8;
      event->data = (unsigned long long)xid;
      event->instance = part ? (unsigned int)(gpu % 10) : 0xffffffffu;
      event->compute = 0xffffffffu;
      taken += 1;
      status = SUCCESS;
      break;
    }
  if (file) fclose(file);
  return status;
}
