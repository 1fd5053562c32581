/*
 * board.h - bare-metal test programs on QEMU's Cortex-M3 (mps2-an385), -M4 (mps2-an386), -M7 (mps2-an500) and
 * -M33 (mps2-an505), and on its 32-bit RISC-V (virt).
 *
 * A test program is main() from the caller plus board.c and startup.c (on RISC-V startup_riscv.c) of this folder,
 * linked with mps2.ld. It starts with the FPU on, .data and .bss set up and the stack painted; on the M3, M4 and M7
 * with the MPU closed around the lengths that the linker was given. Code for the Cortex-M0+ runs on the M3, whose
 * instructions include the M0+'s, with unaligned accesses trapped as there. The value of main() becomes the exit
 * code of QEMU; a fault prints where and exits with 99. toolchain.rs has the commands that compile and run it.
 *
 * Buffers of the test itself, which are no part of the firmware under test, are marked BOARD_TEST_DATA: they
 * lie in a memory of their own (2 MB, not zeroed) and do not count against RAM_LEN.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define BOARD_TEST_DATA __attribute__((section(".test_data"), aligned(8)))

/* ---- talking to the host (semihosting) ---- */

/* Prints to the host's standard output. */
void board_print(const char *text);
void board_print_number(uint32_t value);

/* Copies the command line that QEMU was given as arg=... into `line`; returns 0, or -1 if there is none. */
int board_arguments(char *line, uint32_t size);

/* Opens a file of the host for reading; returns a handle, or -1. */
int32_t board_open(const char *path);

/* Opens a file of the host for writing; returns a handle, or -1. */
int32_t board_create(const char *path);

/* Reads up to `size` bytes; returns how many. */
uint32_t board_read(int32_t handle, void *buffer, uint32_t size);

/* Writes `size` bytes; returns 0, or -1. */
int board_write(int32_t handle, const void *buffer, uint32_t size);

void board_close(int32_t handle);

/* Ends the emulator with an exit code. */
_Noreturn void board_exit(int code);

/* ---- measuring ---- */

/* Instructions executed since start, modulo 2.6e9; exact if QEMU runs with -icount shift=6,sleep=off. 0 where there
   is no timer, on the M33 and RISC-V. */
uint32_t board_instructions(void);

/* Deepest use of the stack so far in bytes, main()'s caller included. */
uint32_t board_stack_used(void);

/* ---- used by startup.c ---- */

void board_prepare(void);

#endif
