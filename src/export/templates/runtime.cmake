# The runtime as a static library, the same in all packages of Bitsmith {{ version }}. Networks add it once for a project.
cmake_minimum_required(VERSION 3.13)

option(BITSMITH_CHECK "Check the arguments of every kernel" OFF)

add_library(bitsmith_runtime STATIC
{% for source in sources %}
    {{ source }}
{% endfor %}
)
set_target_properties(bitsmith_runtime PROPERTIES BITSMITH_VERSION "{{ version }}")
target_compile_features(bitsmith_runtime PUBLIC c_std_11)
target_compile_definitions(bitsmith_runtime PRIVATE BS_CHECK=$<BOOL:${BITSMITH_CHECK}>)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    # Speed matters in debug builds as well; what is not used is left out when sections are collected.
    target_compile_options(bitsmith_runtime PRIVATE $<$<COMPILE_LANGUAGE:C>:-O2 -ffunction-sections -fdata-sections>)
endif()
