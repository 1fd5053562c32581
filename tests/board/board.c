/*
 * board.c - host access, memory protection and measuring for the test programs.
 */
#include "board.h"

#include <string.h>

/* The boards with a CMSDK timer at 0x40000000 and the MPU of Armv7-M. */
#if defined(__arm__) && !defined(__ARM_ARCH_8M_MAIN__)
#define BOARD_COUNTS_AND_PROTECTS 1
#else
#define BOARD_COUNTS_AND_PROTECTS 0
#endif

/* Set by mps2.ld; only the addresses mean something. */
extern uint32_t _stack_bottom, _stack_top;
#if BOARD_COUNTS_AND_PROTECTS
extern uint8_t _flash_start, _flash_length, _ram_start, _ram_length, _test_start, _test_length;
#endif

/* ---- semihosting: Arm's "Semihosting for AArch32 and AArch64" ---- */

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20
};
enum { OPEN_READ_BINARY = 1, OPEN_WRITE = 4, OPEN_WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026 };

/* Asks the host for an operation on a block of arguments. */
static int32_t semihost(int32_t operation, const void *arguments)
{
#if defined(__riscv)
    register int32_t a0 __asm("a0") = operation;
    register const void *a1 __asm("a1") = arguments;
    /* Known by the instructions around the break, which must not be compressed. */
    __asm volatile(".balign 16\n\t.option push\n\t.option norvc\n\t"
                   "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
    return a0;
#else
    register int32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#endif
}

static int32_t open_file(const char *path, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)path, mode, strlen(path)};
    return semihost(SYS_OPEN, arguments);
}

int32_t board_open(const char *path)
{
    return open_file(path, OPEN_READ_BINARY);
}

int32_t board_create(const char *path)
{
    return open_file(path, OPEN_WRITE_BINARY);
}

uint32_t board_read(int32_t handle, void *buffer, uint32_t size)
{
    const uint32_t arguments[3] = {(uint32_t)handle, (uint32_t)(uintptr_t)buffer, size};
    return size - (uint32_t)semihost(SYS_READ, arguments); /* the host answers with what is missing */
}

int board_write(int32_t handle, const void *buffer, uint32_t size)
{
    const uint32_t arguments[3] = {(uint32_t)handle, (uint32_t)(uintptr_t)buffer, size};
    return semihost(SYS_WRITE, arguments) == 0 ? 0 : -1;
}

void board_close(int32_t handle)
{
    const uint32_t arguments[1] = {(uint32_t)handle};
    semihost(SYS_CLOSE, arguments);
}

int board_arguments(char *line, uint32_t size)
{
    uint32_t arguments[2] = {(uint32_t)(uintptr_t)line, size};
    return (int)semihost(SYS_GET_CMDLINE, arguments);
}

void board_exit(int code)
{
    const uint32_t arguments[2] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        semihost(SYS_EXIT_EXTENDED, arguments);
    }
}

void board_print(const char *text)
{
    static int32_t console = -1;
    if (console < 0) {
        console = open_file(":tt", OPEN_WRITE); /* the name of the host's standard output */
    }
    board_write(console, text, strlen(text));
}

void board_print_number(uint32_t value)
{
    char digits[11];
    char *p = digits + sizeof digits - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    board_print(p);
}

/* ---- stack: painted at the start, scanned for what is left ---- */

enum { PAINT = 0x5AC4BEEF };

uint32_t board_stack_used(void)
{
    const uint32_t *lowest = &_stack_bottom;
    while (lowest < &_stack_top && *lowest == PAINT) {
        lowest++;
    }
    return (uint32_t)((uintptr_t)&_stack_top - (uintptr_t)lowest);
}

static void paint_stack(void)
{
    const uint32_t *const here = __builtin_frame_address(0);
    for (volatile uint32_t *p = &_stack_bottom; p < here - 32; p++) {
        *p = PAINT;
    }
}

#if BOARD_COUNTS_AND_PROTECTS

/* ---- instruction counter: CMSDK timer 0, 25 MHz, counts down ---- */

#define TIMER_CTRL (*(volatile uint32_t *)0x40000000u)
#define TIMER_VALUE (*(volatile uint32_t *)0x40000004u)
#define TIMER_RELOAD (*(volatile uint32_t *)0x40000008u)

enum {
    TICK_NS = 40,
    ICOUNT_SHIFT = 6 /* -icount shift=6: an instruction takes 2^6 ns, 1.6 ticks, so that none is lost */
};

uint32_t board_instructions(void)
{
    const uint64_t ns = (uint64_t)~TIMER_VALUE * TICK_NS;
    return (uint32_t)((ns + (1u << (ICOUNT_SHIFT - 1))) >> ICOUNT_SHIFT);
}

static void start_timer(void)
{
    TIMER_CTRL = 0;
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = 1;
}

/* ---- memory protection: ARMv7-M MPU ---- */

#define SHCSR (*(volatile uint32_t *)0xE000ED24u)
#define MPU_CTRL (*(volatile uint32_t *)0xE000ED94u)
#define MPU_RNR (*(volatile uint32_t *)0xE000ED98u)
#define MPU_RBAR (*(volatile uint32_t *)0xE000ED9Cu)
#define MPU_RASR (*(volatile uint32_t *)0xE000EDA0u)

#define ACCESS_READ_ONLY (6u << 24)
#define ACCESS_FULL (3u << 24)
#define NO_EXECUTE (1u << 28)
#define CACHEABLE (1u << 17)
#define REGION_ENABLE 1u
#define SHCSR_FAULTS (7u << 16) /* MemManage, BusFault, UsageFault get handlers of their own */

/* Opens `length` bytes (a multiple of 32) from `base` (a multiple of the next power of two), with MPU regions
   from `number` on. A region is a power of two with eight parts that can be switched off; what is left after
   whole parts goes into the next region. Returns the next free region. */
static uint32_t open_region(uint32_t number, uint32_t base, uint32_t length, uint32_t access)
{
    while (length > 0) {
        uint32_t log2 = 8; /* smallest region with parts */
        while (log2 < 32 && (1ull << log2) < length) {
            log2++;
        }
        const uint32_t part = 1u << (log2 - 3);
        const uint32_t parts = length / part;
        const uint32_t off = 0xFFu & ~((1u << parts) - 1);
        MPU_RNR = number++;
        MPU_RBAR = base;
        MPU_RASR = access | CACHEABLE | off << 8 | (log2 - 1) << 1 | REGION_ENABLE;
        base += parts * part;
        length -= parts * part;
    }
    return number;
}

static uint32_t address_of(const uint8_t *symbol)
{
    return (uint32_t)(uintptr_t)symbol;
}

/* Lets the program see flash (read only), RAM, test memory and peripherals; all else faults. */
static void close_memory(void)
{
    uint32_t region = 0;
    const uint32_t data = ACCESS_FULL | NO_EXECUTE;
    region = open_region(region, address_of(&_flash_start), address_of(&_flash_length), ACCESS_READ_ONLY);
    region = open_region(region, address_of(&_ram_start), address_of(&_ram_length), data);
    region = open_region(region, address_of(&_test_start), address_of(&_test_length), data);
    open_region(region, 0x40000000u, 0x20000000u, data); /* peripherals */
    MPU_CTRL = 1;
    SHCSR |= SHCSR_FAULTS;
    __asm volatile("dsb\n\tisb");
}

#else

uint32_t board_instructions(void)
{
    return 0;
}

static void close_memory(void)
{
}

static void start_timer(void)
{
}

#endif

void board_prepare(void)
{
    paint_stack();
    close_memory();
    start_timer();
}
