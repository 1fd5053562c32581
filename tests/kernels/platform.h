/*
 * platform.h - what driver.c needs from the host or from a board.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the case file that the command line names; ends the program if there is none. */
void platform_open(int argc, char **argv);

/* Reads from it; ends the program if it is too short. */
void platform_read(void *buffer, uint32_t bytes);

/* A buffer aligned to 8 bytes and filled with rubbish. */
uint8_t *platform_allocate(uint32_t bytes);

/* Frees all buffers; returns false if the bytes around one of them were written. */
bool platform_release(void);

void platform_print(const char *text);
void platform_print_number(uint32_t value);

/* Instructions executed so far, where they are counted, else 0. */
uint32_t platform_instructions(void);

/* Prints the deepest use of the stack, where it is known. */
void platform_report_stack(void);

#endif
