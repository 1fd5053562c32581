/*
 * retarget.c - newlib's printf on the emulated board: what it writes goes to the host.
 */
#include "board.h"

#include <stddef.h>
#include <sys/stat.h>

/* Set by mps2.ld: memory behind everything else, which is not the firmware's. */
extern char end;

int _write(int file, const char *text, int size);
void *_sbrk(ptrdiff_t bytes);
int _read(int file, char *text, int size);
int _close(int file);
int _fstat(int file, struct stat *status);
int _isatty(int file);
int _lseek(int file, int offset, int whence);

int _write(int file, const char *text, int size)
{
    (void)file;
    for (int i = 0; i < size; i++) {
        const char character[2] = {text[i], 0};
        board_print(character);
    }
    return size;
}

void *_sbrk(ptrdiff_t bytes)
{
    static char *top = &end;
    char *const start = top;
    top += bytes;
    return start;
}

int _read(int file, char *text, int size)
{
    (void)file, (void)text, (void)size;
    return 0;
}

int _close(int file)
{
    (void)file;
    return -1;
}

int _fstat(int file, struct stat *status)
{
    (void)file;
    status->st_mode = S_IFCHR;
    return 0;
}

int _isatty(int file)
{
    (void)file;
    return 1;
}

int _lseek(int file, int offset, int whence)
{
    (void)file, (void)offset, (void)whence;
    return 0;
}
