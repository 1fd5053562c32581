# A firmware project's own toolchain file, for the emulated board: core, linker script, start-up code, printf's way out.
# BOARD_FLAGS, BOARD_SCRIPT and BOARD_OBJECTS come from the environment.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "$ENV{BOARD_FLAGS}")
set(CMAKE_ASM_FLAGS_INIT "$ENV{BOARD_FLAGS}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles -specs=nano.specs -Wl,--gc-sections -T $ENV{BOARD_SCRIPT} $ENV{BOARD_OBJECTS}")
