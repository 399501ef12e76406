/*
 * check - `callboard-ctl check`: are all the parts there and well?
 */
#ifndef CALLBOARD_CTL_CHECK_H
#define CALLBOARD_CTL_CHECK_H

int check_command(int argc, char **argv);

#endif
