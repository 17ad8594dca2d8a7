// A conversation on the terminal: chat [MODEL]. Without a MODEL it is the default model of the model folder.
#include <galago/session.h>

#include <iostream>

int main(int argc, char** argv) {
  const auto model = galago::Model::open(argc > 1 ? argv[1] : "");
  if (!model.ok()) return std::cerr << model.error().message << "\n", 1;
  galago::Session chat(*model);
  for (std::string line; std::cout << "> " && std::getline(std::cin, line);) {
    chat.add(galago::user(line));
    galago::Reply reply = chat.reply({.sampling = {.temperature = 0.0f}, .max_tokens = 256});
    for (const galago::Piece& piece : reply) std::cout << piece.text << std::flush;
    if (!reply.status().ok()) return std::cerr << reply.status().error().message << "\n", 1;
    std::cout << "\n";
  }
}
