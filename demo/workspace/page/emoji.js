// The shortcodes that apps like this one use, as Slack names them.
const NAMES = {
  white_check_mark: '✅', heavy_check_mark: '✔️', x: '❌', negative_squared_cross_mark: '❎', warning: '⚠️', no_entry: '⛔',
  no_entry_sign: '🚫', question: '❓', grey_question: '❔', exclamation: '❗', grey_exclamation: '❕', information_source: 'ℹ️',
  red_circle: '🔴', large_orange_circle: '🟠', large_yellow_circle: '🟡', large_green_circle: '🟢', large_blue_circle: '🔵',
  large_purple_circle: '🟣', white_circle: '⚪', black_circle: '⚫', large_red_square: '🟥', large_green_square: '🟩',
  large_yellow_square: '🟨', large_blue_square: '🟦', white_large_square: '⬜', black_large_square: '⬛', small_red_triangle: '🔺',
  lock: '🔒', unlock: '🔓', key: '🔑', closed_lock_with_key: '🔐', old_key: '🗝️', shield: '🛡️', lock_with_ink_pen: '🔏',
  hourglass: '⌛', hourglass_flowing_sand: '⏳', stopwatch: '⏱️', alarm_clock: '⏰', clock1: '🕐', clock3: '🕒', calendar: '📆', date: '📅',
  mag: '🔍', mag_right: '🔎', bulb: '💡', rocket: '🚀', tada: '🎉', fire: '🔥', boom: '💥', zap: '⚡', sparkles: '✨', star: '⭐',
  construction: '🚧', rotating_light: '🚨', police_car_light: '🚨', bell: '🔔', no_bell: '🔕', mega: '📣', loudspeaker: '📢',
  wrench: '🔧', hammer: '🔨', hammer_and_wrench: '🛠️', gear: '⚙️', nut_and_bolt: '🔩', link: '🔗', chains: '⛓️', paperclip: '📎', pushpin: '📌',
  memo: '📝', pencil: '📝', pencil2: '✏️', clipboard: '📋', page_facing_up: '📄', scroll: '📜', ledger: '📒', books: '📚', bookmark: '🔖',
  label: '🏷️', package: '📦', bucket: '🪣', inbox_tray: '📥', outbox_tray: '📤', file_folder: '📁', open_file_folder: '📂', card_index_dividers: '🗂️',
  chart_with_upwards_trend: '📈', chart_with_downwards_trend: '📉', bar_chart: '📊', speech_balloon: '💬', thought_balloon: '💭', envelope: '✉️',
  arrow_right: '➡️', arrow_left: '⬅️', arrow_up: '⬆️', arrow_down: '⬇️', arrows_counterclockwise: '🔄', repeat: '🔁', leftwards_arrow_with_hook: '↩️',
  arrow_forward: '▶️', pause_button: '⏸️', black_square_for_stop: '⏹️', rewind: '⏪', fast_forward: '⏩', new: '🆕', ok: '🆗', sos: '🆘', stop_sign: '🛑',
  thumbsup: '👍', '+1': '👍', thumbsdown: '👎', '-1': '👎', eyes: '👀', wave: '👋', raised_hands: '🙌', clap: '👏', pray: '🙏', ok_hand: '👌', point_right: '👉',
  point_down: '👇', raised_hand: '✋', hand: '✋', muscle: '💪', robot_face: '🤖', ghost: '👻', skull: '💀', bug: '🐛', busts_in_silhouette: '👥', bust_in_silhouette: '👤',
  slightly_smiling_face: '🙂', smile: '😄', smiley: '😃', grin: '😁', joy: '😂', wink: '😉', thinking_face: '🤔', cry: '😢', sob: '😭', sweat_smile: '😅', heart: '❤️',
  broken_heart: '💔', seedling: '🌱', herb: '🌿', cloud: '☁️', sunny: '☀️', umbrella: '☔', snowflake: '❄️', earth_africa: '🌍', globe_with_meridians: '🌐', house: '🏠',
  office: '🏢', factory: '🏭', building_construction: '🏗️', bank: '🏦', credit_card: '💳', moneybag: '💰', trophy: '🏆', medal: '🏅', dart: '🎯', one: '1️⃣', two: '2️⃣',
  three: '3️⃣', four: '4️⃣', five: '5️⃣', checkered_flag: '🏁', triangular_flag_on_post: '🚩', small_blue_diamond: '🔹', small_orange_diamond: '🔸', eye: '👁️', recycle: '♻️',
  ballot_box_with_check: '☑️', radio_button: '🔘', wastebasket: '🗑️', telescope: '🔭', microscope: '🔬', map: '🗺️', world_map: '🗺️', compass: '🧭', mantelpiece_clock: '🕰️',
};

export const emoji = (name) => (Object.hasOwn(NAMES, name) ? NAMES[name] : null);
