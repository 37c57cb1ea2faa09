/* Any script that compiles over any message: the input is the script, a NUL, and the message. */
#include "sieve/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice script, message;
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    slice_cut(slice_of(data, size), 0, &script, &message);
    if (sieve_compile(script, SIEVE_ALL, &program, &complaints, &error) != ERR_OK)
        return 0;
    fuzz_run(program, message);
    sieve_program_free(program);
    return 0;
}
