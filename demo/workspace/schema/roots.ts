// The payloads whose schema is made. @slack/types lets any object with a `type` pass as a block
// (AnyBlock); here only the blocks that Slack documents for the surface pass.
import type {
  ActionsBlock, ContextBlock, DividerBlock, FileBlock, HeaderBlock, HomeView, ImageBlock, InputBlock,
  KnownBlock, MessageMetadata, ModalView, RichTextBlock, SectionBlock, VideoBlock,
} from '@slack/types';

// A file block comes back from Slack; an app cannot send one.
export type MessageBlock = Exclude<KnownBlock, FileBlock>;

// Tables, markdown and the blocks of assistants are for messages only.
export type ViewBlock =
  | ActionsBlock | ContextBlock | DividerBlock | HeaderBlock | ImageBlock | InputBlock
  | RichTextBlock | SectionBlock | VideoBlock;

export interface MessagePayload {
  text?: string;
  blocks?: MessageBlock[];
  metadata?: MessageMetadata;
}

export type ModalPayload = Omit<ModalView, 'blocks'> & { blocks: ViewBlock[] };

export type HomePayload = Omit<HomeView, 'blocks'> & { blocks: ViewBlock[] };

export interface Payloads {
  message: MessagePayload;
  modal: ModalPayload;
  home: HomePayload;
}
