/*
 * platform_board.c - host files over semihosting; buffers one after the other in test memory, with guards
 * between.
 */
#include "board.h"
#include "platform.h"

#include <string.h>

enum { MOST_BUFFERS = 16, GUARD = 16, RUBBISH = 0xA5 };

static uint8_t BOARD_TEST_DATA pool[1900000];
static uint8_t *guards[MOST_BUFFERS]; /* the one behind each buffer */
static uint32_t buffer_count;
static uint32_t used;
static int32_t file;

/* Ends the program with a message. */
static void fail(const char *message)
{
    board_print(message);
    board_print("\n");
    board_exit(2);
}

void platform_open(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    static char BOARD_TEST_DATA path[1024];
    file = board_arguments(path, sizeof path) == 0 ? board_open(path) : -1;
    if (file < 0) {
        fail("no case file: name it with arg=FILE");
    }
}

void platform_read(void *buffer, uint32_t bytes)
{
    if (board_read(file, buffer, bytes) != bytes) {
        fail("the case file is too short");
    }
}

uint8_t *platform_allocate(uint32_t bytes)
{
    const uint32_t padded = (bytes + 7) & ~7u;
    if (buffer_count == MOST_BUFFERS || padded + GUARD > sizeof pool - used) {
        fail("out of memory");
    }
    uint8_t *const buffer = pool + used;
    memset(buffer, RUBBISH, padded + GUARD);
    guards[buffer_count++] = buffer + bytes;
    used += padded + GUARD;
    return buffer;
}

bool platform_release(void)
{
    bool intact = true;
    for (; buffer_count > 0; buffer_count--) {
        for (uint32_t i = 0; i < GUARD; i++) {
            intact = intact && guards[buffer_count - 1][i] == RUBBISH;
        }
    }
    used = 0;
    return intact;
}

void platform_print(const char *text)
{
    board_print(text);
}

void platform_print_number(uint32_t value)
{
    board_print_number(value);
}

uint32_t platform_instructions(void)
{
    return board_instructions();
}

void platform_report_stack(void)
{
    board_print(", ");
    board_print_number(board_stack_used());
    board_print(" bytes of stack");
}
