// galago tokenize: the tokens of a text.
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/escape.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/text_input.h"
#include "galago/session.h"
#include "runtime/tokenizer_source.h"

namespace galago::cli {
namespace {

struct TokenizeArguments {
  std::string model;
  std::string text;
  std::string file;
  bool bos = false;
  bool no_special = false;
  bool json = false;
};

Json to_json(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) {
  Json pieces = Json::array();
  for (const text::TokenId id : ids) pieces.push_back(tokenizer.piece(id));
  return Json{{"ids", ids}, {"pieces", std::move(pieces)}};
}

std::string describe(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) {
  Table table({Table::Align::kRight, Table::Align::kLeft});
  for (const text::TokenId id : ids) table.add({fmt::to_string(id), in_quotes(tokenizer.piece(id))});
  return table.to_string();
}

Status show(const TokenizeArguments& arguments, bool from_file) {
  GALAGO_TRY(const std::filesystem::path path, find_model(arguments.model));
  std::string text = arguments.text;
  if (from_file) {
    GALAGO_TRY(text, read_input(arguments.file));
    GALAGO_CHECK(check_utf8(text, arguments.file));
  } else if (text == "-") {
    GALAGO_TRY(text, read_standard_input());
    GALAGO_CHECK(check_utf8(text, "standard input"));
  } else {
    GALAGO_CHECK(check_utf8(text, "the text"));
  }
  GALAGO_TRY(const auto checkpoint, formats::Checkpoint::open(path));
  GALAGO_TRY(const text::Tokenizer tokenizer, runtime::load_tokenizer(*checkpoint));
  for (const std::string& warning : tokenizer.warnings()) warn(warning);
  GALAGO_TRY(const std::vector<text::TokenId> ids,
             tokenizer.encode(text, {.parse_special = !arguments.no_special, .add_bos_eos = arguments.bos}));
  put(arguments.json ? write_json(to_json(tokenizer, ids)) + '\n' : describe(tokenizer, ids));
  return {};
}

int tokenize(const TokenizeArguments& arguments, bool has_text, bool has_file) {
  if (has_text == has_file) {
    return wrong_use("tokenize", has_text ? "a text or --file, not both" : "what? galago tokenize MODEL TEXT");
  }
  const Status shown = show(arguments, has_file);
  return shown.ok() ? kOk : fail(shown.error(), arguments.json);
}

}  // namespace

CommandBody command_tokenize(CLI::App& app) {
  auto arguments = std::make_shared<TokenizeArguments>();
  app.description(
      "Shows the tokens of a text: an id and its piece of the text in each line. A GGUF file that holds a vocabulary "
      "alone is enough.");
  add_argument(app, "MODEL", arguments->model, "A .gguf file, a Hugging Face folder, or a name in the model folder")
      ->required();
  CLI::Option* text = add_argument(app, "TEXT", arguments->text, "The text; - reads standard input");
  CLI::Option* file = add_value(app, "-f,--file", arguments->file,
                                {"FILE", "Tokenize the bytes of a file, all of them; - reads standard input", "none"});
  app.add_flag("--bos", arguments->bos, "Add what the model adds before and after a text");
  app.add_flag("--no-special", arguments->no_special, "Take special tokens in the text as plain text");
  app.add_flag("--json", arguments->json, "Print {\"ids\": [...], \"pieces\": [...]}");
  return [arguments, text, file] { return tokenize(*arguments, text->count() > 0, file->count() > 0); };
}

}  // namespace galago::cli
