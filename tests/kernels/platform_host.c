/*
 * platform_host.c - files and memory of the host. Buffers come from malloc at their exact size, for the
 * sanitizers.
 */
#include "platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BUFFERS = 16 };

static FILE *file;
static uint8_t *buffers[MOST_BUFFERS];
static int buffer_count;

/* Ends the program with a message. */
static void fail(const char *message)
{
    fprintf(stderr, "%s\n", message);
    exit(2);
}

void platform_open(int argc, char **argv)
{
    file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fail("usage: driver FILE");
    }
}

void platform_read(void *buffer, uint32_t bytes)
{
    if (fread(buffer, 1, bytes, file) != bytes) {
        fail("the case file is too short");
    }
}

uint8_t *platform_allocate(uint32_t bytes)
{
    uint8_t *const buffer = malloc(bytes == 0 ? 1 : bytes);
    if (buffer == NULL || buffer_count == MOST_BUFFERS) {
        fail("out of memory");
    }
    buffers[buffer_count++] = buffer;
    return memset(buffer, 0xA5, bytes);
}

bool platform_release(void)
{
    while (buffer_count > 0) {
        free(buffers[--buffer_count]);
    }
    return true;
}

void platform_print(const char *text)
{
    fputs(text, stdout);
}

void platform_print_number(uint32_t value)
{
    printf("%lu", (unsigned long)value);
}

uint32_t platform_instructions(void)
{
    return 0;
}

void platform_report_stack(void)
{
}
