#include "cli/line_editor.h"

#ifdef GALAGO_HAS_LIBEDIT
#include <histedit.h>
#endif
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "base/atomic_file.h"
#include "base/file.h"
#include "cli/plain_reader.h"
#include "cli/terminal.h"

namespace galago::cli {
namespace {

constexpr std::size_t kMostLines = 1000;
constexpr std::uint64_t kMostHistoryBytes = std::uint64_t{16} << 20;

std::deque<std::string> read_history(const std::filesystem::path& path) {
  std::deque<std::string> lines;
  const Result<std::string> text = read_text(path, kMostHistoryBytes);
  if (!text.ok()) return lines;  // a history that cannot be read is an empty one
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (lines.size() > kMostLines) lines.pop_front();
  }
  return lines;
}

std::FILE* prompt_stream() { return is_terminal(Stream::kOutput) ? stdout : stderr; }

}  // namespace

#ifdef GALAGO_HAS_LIBEDIT

struct EditLineCloser {
  void operator()(EditLine* line) const { ::el_end(line); }
};
struct HistoryCloser {
  void operator()(History* history) const { ::history_end(history); }
};

struct LineEditor::Impl {
  std::filesystem::path path;
  std::deque<std::string> lines;
  bool interactive = false;
  PlainReader plain;
  std::string prompt;
  std::unique_ptr<History, HistoryCloser> history;
  std::unique_ptr<EditLine, EditLineCloser> editor;

  static char* show_prompt(EditLine* line) {
    void* self = nullptr;
    ::el_get(line, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self)->prompt.data();
  }

  void open() {
    history.reset(::history_init());
    editor.reset(::el_init("galago", stdin, prompt_stream(), stderr));
    if (history == nullptr || editor == nullptr) return editor.reset();
    HistEvent event;
    ::history(history.get(), &event, H_SETSIZE, static_cast<int>(kMostLines));
    ::history(history.get(), &event, H_SETUNIQUE, 1);
    for (const std::string& line : lines) ::history(history.get(), &event, H_ENTER, line.c_str());
    ::el_set(editor.get(), EL_CLIENTDATA, this);
    ::el_set(editor.get(), EL_PROMPT, show_prompt);
    ::el_set(editor.get(), EL_EDITOR, "emacs");
    ::el_set(editor.get(), EL_HIST, ::history, history.get());
    // Ctrl-C drops the line. As a signal it would leave the editor in the middle of a line.
    ::el_set(editor.get(), EL_SETTY, "-d", "-isig", nullptr);
    ::el_set(editor.get(), EL_BIND, "^C", "em-kill-line", nullptr);
    ::el_set(editor.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
    ::el_source(editor.get(), nullptr);  // ~/.editrc
  }

  Input edit() {
    // Before the prompt appears: what is typed at it is for the editor, and a Ctrl-D that the terminal took is lost.
    ::el_set(editor.get(), EL_PREP_TERM, 1);
    int count = 0;
    const char* text = ::el_gets(editor.get(), &count);
    if (text == nullptr || count <= 0) return {Event::kEnd, ""};
    std::string line(text, static_cast<std::size_t>(count));
    if (line.ends_with('\n')) line.pop_back();
    return {Event::kLine, std::move(line)};
  }

  void remember(const std::string& line) {
    if (editor == nullptr) return;
    HistEvent event;
    ::history(history.get(), &event, H_ENTER, line.c_str());
  }
};

#else

struct LineEditor::Impl {
  std::filesystem::path path;
  std::deque<std::string> lines;
  bool interactive = false;
  PlainReader plain;
  std::string prompt;
  std::nullptr_t editor = nullptr;

  void open() {}
  Input edit() { return {}; }
  void remember(const std::string&) {}
};

#endif

LineEditor::LineEditor(std::filesystem::path history) : impl_(std::make_unique<Impl>()) {
  impl_->interactive = is_terminal(Stream::kInput);
  if (!impl_->interactive) return;
  impl_->path = std::move(history);
  if (!impl_->path.empty()) impl_->lines = read_history(impl_->path);
  impl_->open();
}

LineEditor::~LineEditor() = default;

bool LineEditor::interactive() const { return impl_->interactive; }

Result<LineEditor::Input> LineEditor::read(const std::string& prompt) {
  if (!impl_->interactive) return impl_->plain.next();
  Result<Input> input = Input{};
  if (impl_->editor != nullptr) {
    impl_->prompt = prompt;
    input = impl_->edit();
  } else {
    std::fputs(prompt.c_str(), prompt_stream());
    std::fflush(prompt_stream());
    input = impl_->plain.next();
  }
  if (input.ok() && input->event != Event::kLine) std::fputs("\n", prompt_stream());
  if (!input.ok() || input->event != Event::kLine || input->line.empty()) return input;
  if (impl_->lines.empty() || impl_->lines.back() != input->line) impl_->lines.push_back(input->line);
  if (impl_->lines.size() > kMostLines) impl_->lines.pop_front();
  impl_->remember(input->line);
  return input;
}

Status LineEditor::save_history() const {
  if (impl_->path.empty() || impl_->lines.empty()) return {};
  std::string text;
  for (const std::string& line : impl_->lines) text += line + '\n';
  std::error_code failed;
  std::filesystem::create_directories(impl_->path.parent_path(), failed);
  // What somebody asked is nobody else's business.
  auto file = AtomicFile::create(impl_->path, 0600);
  if (!file.ok()) return file.error();
  if (Status written = file->write(std::as_bytes(std::span(text))); !written.ok()) return written;
  return file->commit();
}

std::filesystem::path history_file() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::filesystem::path(state) / "galago" / "chat_history";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return std::filesystem::path(home) / ".local" / "state" / "galago" / "chat_history";
}

}  // namespace galago::cli
