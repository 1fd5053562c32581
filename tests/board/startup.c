/*
 * startup.c - vector table, reset and fault handlers of the test programs on Cortex-M.
 */
#include "board.h"

/* Set by mps2.ld; only the addresses mean something. */
extern uint32_t _data_load, _data_start, _data_end, _bss_start, _bss_end, _stack_top;

int main(void);
void reset_handler(void);

/* Fault status and address registers of the system control block. */
#define CFSR (*(volatile uint32_t *)0xE000ED28u)
#define MMFAR (*(volatile uint32_t *)0xE000ED34u)
#define BFAR (*(volatile uint32_t *)0xE000ED38u)
#define MMFAR_VALID (1u << 7)
#define BFAR_VALID (1u << 15)

/* Coprocessor access control: full access to CP10 and CP11, the FPU. */
#define CPACR (*(volatile uint32_t *)0xE000ED88u)

/* Configuration and control: trap unaligned accesses. */
#define CCR (*(volatile uint32_t *)0xE000ED14u)
#define CCR_UNALIGN_TRP (1u << 3)

static void fault_handler(void)
{
    const uint32_t status = CFSR;
    board_print("fault, status ");
    board_print_number(status);
    if (status & (MMFAR_VALID | BFAR_VALID)) {
        board_print(", address ");
        board_print_number(status & MMFAR_VALID ? MMFAR : BFAR);
    }
    board_print("\n");
    board_exit(99);
}

void reset_handler(void)
{
    CPACR |= 0xFu << 20;
#if !defined(__ARM_FEATURE_UNALIGNED)
    CCR |= CCR_UNALIGN_TRP;
#endif
    __asm volatile("dsb\n\tisb");
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

/* Initial stack pointer, reset, then every exception up to SysTick. */
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)&_stack_top,
    reset_handler,
    fault_handler, /* NMI */
    fault_handler, /* HardFault */
    fault_handler, /* MemManage */
    fault_handler, /* BusFault */
    fault_handler, /* UsageFault */
    0,
    0,
    0,
    0,
    fault_handler, /* SVCall */
    fault_handler, /* DebugMonitor */
    0,
    fault_handler, /* PendSV */
    fault_handler, /* SysTick */
};
