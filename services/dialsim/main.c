/* callboard-dialsim: reads the options, then runs one simulation. */
#include "dialsim_config.h"
#include "log.h"
#include "simulation.h"
#include "stop_signal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EXIT_MISUSE 2

static int64_t wall_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int run(const struct dialsim_options *options)
{
    struct error err = {0};
    struct stop_signal stop;
    struct dialsim_config config;
    int status = EXIT_MISUSE;
    if (!dialsim_config_init(&config, options, wall_clock_us(), &err))
        (void)fprintf(stderr, "callboard-dialsim: %s\n", err.text);
    else if (!stop_signal_init(&stop, &err)) {
        (void)fprintf(stderr, "callboard-dialsim: %s\n", err.text);
        status = EXIT_FAILURE;
    } else {
        log_info("simulating", "seed=%" PRIu64, config.seed);
        status = simulation_run(&config, &stop);
        stop_signal_done(&stop);
    }
    dialsim_config_done(&config);
    return status;
}

int main(int argc, char **argv)
{
    struct dialsim_options options = {0};
    options_parse_or_exit(&dialsim_option_table, &argc, argv, &options);
    log_configure(dialsim_option_table.program, (enum log_level)options.log.level,
                  (enum log_format)options.log.format);
    int status = EXIT_MISUSE;
    if (argc > 1)
        (void)fprintf(stderr, "callboard-dialsim: unexpected argument \"%s\"; see --help\n",
                      argv[1]);
    else {
        options_log(&dialsim_option_table, &options);
        status = run(&options);
    }
    options_done(&dialsim_option_table, &options);
    return status;
}
