/*
 * startup_riscv.c - reset and traps of the test programs on RISC-V, and what they need of a C library.
 */
#include "board.h"

#include "memory.c"

/* Set by mps2.ld; only the addresses mean something. */
extern uint32_t _data_load, _data_start, _data_end, _bss_start, _bss_end;

int main(void);
void reset_handler(void);

__attribute__((aligned(4))) static void trap_handler(void)
{
    uint32_t cause, address;
    __asm volatile("csrr %0, mcause" : "=r"(cause));
    __asm volatile("csrr %0, mtval" : "=r"(address));
    board_print("trap, cause ");
    board_print_number(cause);
    board_print(", address ");
    board_print_number(address);
    board_print("\n");
    board_exit(99);
}

__attribute__((used)) static void start(void)
{
    __asm volatile("csrw mtvec, %0" : : "r"(trap_handler));
    const uint32_t *from = &_data_load;
    for (uint32_t *to = &_data_start; to < &_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_bss_start; to < &_bss_end;) {
        *to++ = 0;
    }
    board_prepare();
    board_exit(main());
}

/* First in memory, where QEMU starts. */
__attribute__((section(".vectors"), naked, used)) void reset_handler(void)
{
    __asm volatile("la sp, _stack_top\n\tj start");
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0') {
        n++;
    }
    return n;
}
