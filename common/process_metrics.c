#include "process_metrics.h"

#include "macros.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* proc(5), /proc/[pid]/stat: the third field is the first behind the name in parentheses. */
enum { STAT_FIRST = 3, STAT_UTIME = 14, STAT_STIME = 15, STAT_STARTTIME = 22, STAT_RSS = 24 };

/* Reads the beginning of a small file. */
static bool read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    size_t len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    (void)fclose(file); /* it was only read */
    return len > 0;
}

/* -1 when it cannot be read. */
static double stat_field(int index)
{
    char text[1024];
    if (!read_text("/proc/self/stat", text, sizeof(text))) {
        return -1;
    }
    const char *at = strrchr(text, ')');
    for (int field = STAT_FIRST - 1; at && field < index; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtod(at, NULL) : -1;
}

static double boot_time_s(void)
{
    double seconds = -1;
    char line[256];
    FILE *file = fopen("/proc/stat", "re");
    while (file && seconds < 0 && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "btime ", 6) == 0) {
            seconds = strtod(line + 6, NULL);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return seconds;
}

static double seconds_of_ticks(double ticks)
{
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double read_start_time(void)
{
    double boot = boot_time_s();
    double ticks = stat_field(STAT_STARTTIME);
    return boot >= 0 && ticks >= 0 ? boot + seconds_of_ticks(ticks) : -1;
}

static double read_cpu_seconds(void)
{
    double user = stat_field(STAT_UTIME);
    double system = stat_field(STAT_STIME);
    return user >= 0 && system >= 0 ? seconds_of_ticks(user + system) : -1;
}

static double read_resident_bytes(void)
{
    double pages = stat_field(STAT_RSS);
    return pages >= 0 ? pages * (double)sysconf(_SC_PAGESIZE) : -1;
}

/* The directory itself is open while it is read, and not counted. */
static double read_open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    double count = -1;
    while (directory) {
        const struct dirent *entry = readdir(directory);
        if (!entry) {
            (void)closedir(directory);
            break;
        }
        count += entry->d_name[0] != '.';
    }
    return count;
}

static double read_max_files(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : -1;
}

struct process_metric {
    const char *name;
    const char *type;
    const char *help;
    double (*read)(void); /* negative: not known */
};

static const struct process_metric process_metrics[] = {
    {"process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
     read_start_time},
    {"process_cpu_seconds_total", "counter", "Processor time used, in user and system mode.",
     read_cpu_seconds},
    {"process_resident_memory_bytes", "gauge", "Resident memory.", read_resident_bytes},
    {"process_open_fds", "gauge", "Open file descriptors.", read_open_files},
    {"process_max_fds", "gauge", "Most file descriptors that may be open.", read_max_files},
};

void process_metrics_render(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(process_metrics); i++) {
        const struct process_metric *metric = &process_metrics[i];
        double value = metric->read();
        if (value >= 0) {
            buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", metric->name,
                              metric->help, metric->name, metric->type, metric->name, value);
        }
    }
}
