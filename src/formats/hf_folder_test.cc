#include "formats/hf_folder.h"

#include <gmock/gmock.h>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/gguf_writer.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kWeights =
    R"({"w":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]},"f8":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[4,5]}})";

class HfFolderTest : public ::testing::Test {
 protected:
  void write_weights() { folder_.write("model.safetensors", ByteBuilder().safetensors(kWeights).zeros(5).text()); }
  std::shared_ptr<const Checkpoint> open() { return Checkpoint::open(folder_.path()).value(); }
  std::string open_error() {
    const auto opened = Checkpoint::open(folder_.path());
    return opened.ok() ? "opened" : opened.error().message;
  }
  TemporaryFolder folder_{"hf"};
};

TEST_F(HfFolderTest, OpensConfigAndWeights) {
  write_weights();
  folder_.write("config.json", R"({"model_type":"llama","hidden_size":64,"limit":[0.0,Infinity]})");
  folder_.write("generation_config.json", R"({"eos_token_id":[1,2]})");
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->format(), ContainerFormat::kHuggingFace);
  EXPECT_EQ(checkpoint->architecture(), "llama");
  EXPECT_EQ(*get_int(checkpoint->config(), "hidden_size", 0, "config.json"), 64);
  EXPECT_NE(find(checkpoint->generation_config(), "eos_token_id"), nullptr);
  ASSERT_NE(checkpoint->find("w"), nullptr);
  EXPECT_EQ(checkpoint->find("w")->dtype, DType::kBF16);
  EXPECT_EQ(checkpoint->find("absent"), nullptr);
  EXPECT_EQ(checkpoint->tensor("absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(checkpoint->find("f8"), nullptr);
  EXPECT_THAT(checkpoint->tensor("f8").error().message, HasSubstr("tensor \"f8\" is of type F8_E5M2"));
  EXPECT_TRUE(checkpoint->metadata().entries().empty());
}

TEST_F(HfFolderTest, OpensALoneFile) {
  write_weights();
  const auto lone = Checkpoint::open(folder_.path() / "model.safetensors").value();
  EXPECT_EQ(lone->architecture(), "");
  EXPECT_TRUE(lone->config().is_object());
  folder_.write("config.json", R"({"model_type":"qwen2"})");
  EXPECT_EQ(Checkpoint::open(folder_.path() / "model.safetensors").value()->architecture(), "qwen2");
}

TEST_F(HfFolderTest, SaysWhatIsMissing) {
  EXPECT_THAT(open_error(), HasSubstr("has no config.json"));
  folder_.write("m.gguf", "GGUF");
  EXPECT_THAT(open_error(), HasSubstr("name the file \"m.gguf\" in it"));
  folder_.write("config.json", R"({"model_type":"llama"})");
  EXPECT_THAT(open_error(), HasSubstr("has neither model.safetensors nor model.safetensors.index.json"));
  folder_.write("pytorch_model.bin", "PK");
  EXPECT_THAT(open_error(), HasSubstr("convert them to safetensors"));
}

TEST_F(HfFolderTest, RefusesConfigsThatAreNone) {
  write_weights();
  folder_.write("config.json", "{");
  EXPECT_THAT(open_error(), HasSubstr("config.json: is not valid JSON"));
  folder_.write("config.json", "[]");
  EXPECT_THAT(open_error(), HasSubstr("is array where a JSON object is expected"));
  folder_.write("config.json", R"({"model_type":7})");
  EXPECT_THAT(open_error(), HasSubstr("\"model_type\" is number where a string is expected"));
  folder_.write("config.json", "{\"a\":" + std::string(100000, '['));
  EXPECT_THAT(open_error(), HasSubstr("nested"));
}

TEST_F(HfFolderTest, SideFilesStayInside) {
  write_weights();
  folder_.write("config.json", "{}");
  folder_.write("tokenizer.json", "{\"x\":1}");
  folder_.write("vision_tower/config.json", "{}");
  const auto checkpoint = open();
  EXPECT_EQ(*checkpoint->side_file("tokenizer.json"), "{\"x\":1}");
  EXPECT_EQ(*checkpoint->side_file("vision_tower/config.json"), "{}");
  EXPECT_EQ(*checkpoint->side_file("merges.txt"), std::nullopt);
  EXPECT_FALSE(checkpoint->side_file("vision_tower").ok()) << "a folder is no text file";
  for (const std::string_view name : {"../x", "/etc/passwd", "a/../../x", "", "a//b", "a/", "..", "a\\b"}) {
    EXPECT_EQ(checkpoint->side_file(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
}

TEST_F(HfFolderTest, FindsTheChatTemplateWhereverItIs) {
  write_weights();
  folder_.write("config.json", "{}");
  EXPECT_EQ(*open()->chat_template(), std::nullopt);
  folder_.write("chat_template.json", R"({"chat_template":"from chat_template.json"})");
  EXPECT_EQ(*open()->chat_template(), "from chat_template.json");
  folder_.write("tokenizer_config.json", R"({"chat_template":"from tokenizer_config"})");
  EXPECT_EQ(*open()->chat_template(), "from tokenizer_config");
  folder_.write("tokenizer_config.json",
                R"({"chat_template":[{"name":"rag","template":"r"},{"name":"default","template":"d"}]})");
  EXPECT_EQ(*open()->chat_template(), "d");
  EXPECT_EQ(*open()->chat_template("rag"), "r");
  EXPECT_EQ(*open()->chat_template("tool_use"), std::nullopt);
  EXPECT_EQ(open()->chat_templates()->front().name, "default");
  folder_.write("chat_template.jinja", "from jinja");
  folder_.write("additional_chat_templates/tool_use.jinja", "t");
  EXPECT_EQ(*open()->chat_template(), "from jinja");
  EXPECT_EQ(*open()->chat_template("tool_use"), "t");
}

TEST_F(HfFolderTest, RefusesTemplatesOfOtherTypes) {
  write_weights();
  folder_.write("config.json", "{}");
  for (const std::string member : {"7", "[7]", "[{\"name\":\"x\"}]", "[{\"name\":1,\"template\":\"x\"}]", "{}"}) {
    folder_.write("tokenizer_config.json", "{\"chat_template\":" + member + "}");
    EXPECT_THAT(open()->chat_template().error().message, HasSubstr("tokenizer_config.json: \"chat_template\""))
        << member;
  }
}

TEST(CheckpointTest, FindsGgufChatTemplates) {
  const TemporaryFolder folder("templates");
  GgufWriter writer;
  writer.set("general.architecture", "llama");
  writer.set("tokenizer.chat_template", "d");
  const std::vector<std::string_view> names = {"default", "tool_use", "absent"};
  writer.set_strings("tokenizer.chat_templates", names);
  writer.set("tokenizer.chat_template.tool_use", "t");
  ASSERT_TRUE(writer.write(folder.path() / "sha256-abc").ok()) << "known by its first bytes, not by its name";
  const auto checkpoint = Checkpoint::open(folder.path() / "sha256-abc").value();
  EXPECT_EQ(checkpoint->format(), ContainerFormat::kGguf);
  EXPECT_EQ(*checkpoint->chat_template(), "d");
  EXPECT_EQ(*checkpoint->chat_template("tool_use"), "t");
  EXPECT_EQ(checkpoint->chat_templates()->size(), 2u);
  EXPECT_EQ(*checkpoint->side_file("tokenizer.json"), std::nullopt);
}

TEST(CheckpointTest, SaysWhatIsNoModel) {
  const TemporaryFolder folder("none");
  const auto error_of = [&](std::string_view name) { return Checkpoint::open(folder.path() / name).error().message; };
  EXPECT_THAT(error_of("absent.gguf"), HasSubstr("absent.gguf: cannot open it"));
  folder.write("x.gguf", "not one");
  EXPECT_THAT(error_of("x.gguf"), HasSubstr("is not a GGUF file"));
  folder.write("x.txt", "hello");
  EXPECT_THAT(error_of("x.txt"), HasSubstr("is no model file that can be read"));
  folder.write("x.bin", "PK");
  EXPECT_THAT(error_of("x.bin"), HasSubstr("convert it to safetensors"));
  folder.write("empty.gguf", "");
  EXPECT_THAT(error_of("empty.gguf"), HasSubstr("cut off"));
  GgufWriter writer;
  writer.set("general.architecture", std::uint32_t{7});
  ASSERT_TRUE(writer.write(folder.path() / "arch.gguf").ok());
  EXPECT_THAT(error_of("arch.gguf"), HasSubstr("\"general.architecture\" is u32 where a string is expected"));
}

}  // namespace
}  // namespace galago::formats
