// Questions about a picture: chat_with_image MODEL PICTURE [QUESTION...]
#include <galago/session.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: chat_with_image MODEL PICTURE [QUESTION...]\n";
    return 2;
  }
  const auto model = galago::Model::open(argv[1]);
  if (!model.ok()) {
    std::cerr << model.error().message << "\n";
    return 1;
  }
  if (!model->description().sees_images) {
    std::cerr << model->description().name << " reads text only\n";
    return 1;
  }

  std::vector<std::string> questions(argv + 3, argv + argc);
  if (questions.empty()) questions = {"What is in this picture?"};
  galago::Session chat(*model);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    // The picture belongs to the first message; the following ones are about it, too.
    std::vector<galago::Part> parts{questions[i]};
    if (i == 0) parts.insert(parts.begin(), galago::image(argv[2]));
    chat.add(galago::user(std::move(parts)));

    galago::Reply reply = chat.reply({.sampling = {.temperature = 0.0f}, .max_tokens = 64});
    std::cout << questions[i] << "\n";
    for (const galago::Piece& piece : reply) std::cout << piece.text << std::flush;
    if (!reply.status().ok()) {
      std::cerr << reply.status().error().message << "\n";
      return 1;
    }
    const galago::GenerateStats& stats = reply.stats();
    std::cout << "\n[" << stats.prompt_tokens << " tokens of prompt, " << stats.reused_tokens << " of them known, "
              << stats.generated_tokens << " generated]\n";
  }
}
