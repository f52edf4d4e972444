/* SPDX-License-Identifier: Apache-2.0
 *
 * A C++ host: handles that end by themselves, statuses as exceptions, and a state that goes from
 * one run to the next.
 *
 *     host
 */
#include "tenon.h"

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

template <typename T, void (*destroy)(T *)> struct Destroy {
    void operator()(T *object) const { destroy(object); }
};
using Model = std::unique_ptr<TnModel, Destroy<TnModel, tn_model_destroy>>;
using Program = std::unique_ptr<TnProgram, Destroy<TnProgram, tn_program_destroy>>;
using Context = std::unique_ptr<TnContext, Destroy<TnContext, tn_context_destroy>>;

void remember(void *user, TnSeverity severity, const char *text)
{
    if (severity == TN_ERROR)
        *static_cast<std::string *>(user) += text;
}

void check(TnStatus status, const std::string &reasons)
{
    if (status != TN_OK)
        throw std::runtime_error(std::string(tn_status_text(status)) + ": " + reasons);
}

Model parse(const std::string &text)
{
    std::string reasons;
    TnLoadOptions options = {};
    options.size = sizeof options;
    options.log = remember;
    options.log_user = &reasons;
    TnModel *model = nullptr;
    check(tn_model_parse(text.data(), text.size(), "text", &options, &model), reasons);
    return Model(model);
}

Program compile(TnModel *model, const TnState &state)
{
    std::string reasons;
    TnCompileOptions options = {};
    options.size = sizeof options;
    options.log = remember;
    options.log_user = &reasons;
    options.states = &state;
    options.state_count = 1;
    TnProgram *program = nullptr;
    check(tn_compile(model, &options, &program), reasons);
    return Program(program);
}

/* A running mean of what comes in: m = 0.5 m + 0.5 x. */
const std::string text = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                         "mean (float[2] past, float[2] x) => (float[2] present, float[2] mean) {\n"
                         "  half = Constant <value = float {0.5}> ()\n"
                         "  sum = Add (past, x)\n"
                         "  present = Mul (sum, half)\n"
                         "  mean = Identity (present)\n"
                         "}\n";

void run()
{
    Model model = parse(text);
    Program program = compile(model.get(), TnState{"past", "present", nullptr, 0});
    TnContext *made = nullptr;
    check(tn_context_create(program.get(), nullptr, &made), "");
    Context context(made);
    float x[] = {8, 16};
    TnValue input = {};
    input.kind = TN_TENSOR;
    input.tensor = {TN_FLOAT, 1, {2}, x};
    for (int i = 0; i < 3; i++) {
        TnValue mean = {};
        check(tn_run(context.get(), 1, &input, 1, &mean), tn_context_error(context.get()));
        const float *values = static_cast<const float *>(mean.tensor.data);
        std::printf("mean %g, %g\n", values[0], values[1]);
    }
    TnTensor value = {};
    check(tn_context_state(context.get(), 0, &value), "no state");
    if (static_cast<const float *>(value.data)[0] != 7)
        throw std::runtime_error("8 three times, halved: 4, 6, 7 are expected");
}

/* Errors are exceptions with their reasons. */
void fail()
{
    try {
        parse("mean (float[2] x => (y) {}");
    } catch (const std::runtime_error &error) {
        std::printf("as it should be, %s", error.what());
        return;
    }
    throw std::runtime_error("a malformed model was read");
}

} // namespace

int main()
{
    try {
        run();
        fail();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
